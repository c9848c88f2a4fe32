/*
 * A disk that is slower than this one: loaded with LD_PRELOAD, it makes every flush take SLOW_DISK_US microseconds longer.
 *
 *     cc -O2 -Wall -Wextra -Wpedantic -shared -fPIC -o slow_disk.so slow_disk.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int flush_slowly(const char *name, int file) {
    const char *microseconds = getenv("SLOW_DISK_US");
    long delay = microseconds ? atol(microseconds) : 0;
    struct timespec pause = {.tv_sec = delay / 1000000, .tv_nsec = delay % 1000000 * 1000};
    nanosleep(&pause, NULL);

    int (*flush)(int);
    *(void **)&flush = dlsym(RTLD_NEXT, name); /* as POSIX wants it: ISO C knows no such cast */
    return flush(file);
}

int fsync(int file) { return flush_slowly("fsync", file); }

int fdatasync(int file) { return flush_slowly("fdatasync", file); }
