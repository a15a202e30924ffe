# What `cmake --install` puts in place besides the libraries (rooms.cmake) and the command (src/cli): headers and pkg-config files.
install(DIRECTORY include/rmseg DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# A pkg-config file finds its prefix from where it lies, so that an installed tree may be moved.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set(pc_prefix "${CMAKE_INSTALL_PREFIX}")
    set(pc_libdir "${CMAKE_INSTALL_LIBDIR}")
else()
    file(RELATIVE_PATH pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" pc_up "${pc_up}")
    set(pc_prefix "\${pcfiledir}/${pc_up}")
    set(pc_libdir "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
endif()

# rmseg_pkg_config(<library> <description> [pkg-config module...])
function(rmseg_pkg_config pc_name pc_description)
    string(REPLACE ";" ", " pc_modules "${ARGN}")
    string(REPLACE ">=" " >= " pc_modules "${pc_modules}")
    configure_file(cmake/rmseg.pc.in ${PROJECT_BINARY_DIR}/${pc_name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${pc_name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

rmseg_pkg_config(rmseg_core "Losses and metrics of medical image segmentation")
if(NOT RMSEG_CORE_ONLY)
    rmseg_pkg_config(rmseg "Train, run and judge segmentation networks with location-aware losses" ${RMSEG_MODULES})
endif()

# Inside a Python wheel, which holds no links, the library is one file beside the package that loads it.
if(SKBUILD)
    set_target_properties(rmseg_core PROPERTIES VERSION "" SOVERSION "" NO_SONAME ON)
    install(TARGETS rmseg_core LIBRARY DESTINATION . COMPONENT python)
endif()
