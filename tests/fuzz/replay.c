/* replay.c - the main of a fuzz target without a fuzzer: hands it every file of the folders given, once. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The bytes end where their block ends, so that a sanitizer or Valgrind sees a read beyond. */
static int replay_file(const char *path, size_t length)
{
    uint8_t *bytes = malloc(length ? length : 1);
    FILE *file = fopen(path, "rb");
    int done = bytes && file && fread(bytes, 1, length, file) == length;
    if (done) LLVMFuzzerTestOneInput(bytes, length);
    if (file) fclose(file);
    free(bytes);
    return done;
}

/* Files replayed, or -1 with a message. */
static int replay_folder(const char *folder)
{
    int count = 0;
    DIR *open = opendir(folder);
    if (!open) return perror(folder), -1;
    for (struct dirent *entry; (entry = readdir(open));) {
        char path[4096];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &info) || !S_ISREG(info.st_mode)) continue;
        if (!replay_file(path, (size_t)info.st_size)) {
            perror(path);
            count = -1;
            break;
        }
        count++;
    }
    closedir(open);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);
        if (count < 0) return 1;
        total += count;
    }
    printf("%d files survived\n", total);
    return total == 0;
}
