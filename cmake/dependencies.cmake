# Libraries of other people: one call each gives a target rmseg::<name> (an empty one where the library is absent), the
# definition RMSEG_HAVE_<NAME> for whoever links it, and a row of `rmseg info`.
find_package(Threads REQUIRED)

set(RMSEG_LIBRARY_ROWS "")
set(RMSEG_MODULES "") # of pkg-config, that a static librmseg needs

# rmseg_dependency(<name> <pkg-config module and version> <what for> [REQUIRED])
function(rmseg_dependency name module purpose)
    string(TOUPPER ${name} NAME)
    add_library(rmseg_${name} INTERFACE)
    add_library(rmseg::${name} ALIAS rmseg_${name})
    option(RMSEG_WITH_${NAME} "${purpose}, by ${module}" ON)
    if(RMSEG_WITH_${NAME})
        pkg_check_modules(${NAME} ${ARGN} QUIET IMPORTED_TARGET "${module}")
    endif()
    if(${NAME}_FOUND)
        target_link_libraries(rmseg_${name} INTERFACE PkgConfig::${NAME})
        target_compile_definitions(rmseg_${name} INTERFACE RMSEG_HAVE_${NAME}=1)
        set(RMSEG_MODULES ${RMSEG_MODULES} ${module} PARENT_SCOPE)
        message(STATUS "${name} ${${NAME}_VERSION}: ${purpose}")
    else()
        message(STATUS "${name} is missing (${module}); without it: no ${purpose}")
    endif()
    set(RMSEG_LIBRARY_ROWS "${RMSEG_LIBRARY_ROWS}    {\"${name}\", \"${${NAME}_VERSION}\", \"${purpose}\"},\n" PARENT_SCOPE)
endfunction()

if(NOT RMSEG_CORE_ONLY)
    find_package(PkgConfig REQUIRED)
    rmseg_dependency(zlib "zlib>=1.2.11" "gzip streams" REQUIRED)
    rmseg_dependency(jansson "jansson>=2.12" "reading JSON" REQUIRED)
    rmseg_dependency(png "libpng>=1.6" "PNG images")
    rmseg_dependency(jpeg "libjpeg>=1.5" "JPEG images")
    rmseg_dependency(tiff "libtiff-4>=4.5" "TIFF images")
    rmseg_dependency(hdf5 "hdf5>=1.10" "HDF5 images")
endif()

# What the build says of itself: src/core/build.c reads these tables.
set(RMSEG_BUILD "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}, ${CMAKE_BUILD_TYPE}, ${CMAKE_SYSTEM_NAME} ${CMAKE_SYSTEM_PROCESSOR}")
if(RMSEG_SANITIZE)
    string(APPEND RMSEG_BUILD ", ${RMSEG_SANITIZE} sanitizer")
endif()
configure_file(cmake/build_tables.c.in ${PROJECT_BINARY_DIR}/build_tables.c @ONLY)
