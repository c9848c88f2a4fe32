/*
 * A log of all that a process does to the files of one folder: loaded with LD_PRELOAD, it appends to the file
 * WRITE_LOG, in order, each change of a file directly in the folder WRITE_LOG_FOLDER, with its data. write_log.py reads it.
 *
 *     cc -O2 -Wall -Wextra -Wpedantic -shared -fPIC -o write_log.so write_log.c
 *
 * What is mapped is not seen, so SQLite's index (-shm), which a power cut wipes out anyway, is left out; another file
 * that is mapped to be written, or is written in a way that has no place in the log, is told of as a gap.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPENED = 'o', WRITTEN = 'w', CUT = 'c', FLUSHED = 'f', FOLDER_FLUSHED = 'd', RENAMED = 'r', UNLINKED = 'u', GAP = 'g' };

/* Each record: this, and so many bytes. Little-endian, as the machines are that hunts run on. */
struct __attribute__((packed)) head {
    uint8_t kind;
    uint64_t file; /* its inode: names change */
    uint64_t offset;
    uint32_t length;
};

static const char *folder;
static size_t folder_length;
static int log_file = -1;
/* A change and its record are one step, so that the log has the order of the changes. */
static pthread_mutex_t step = PTHREAD_MUTEX_INITIALIZER;

/* The next function of this name; as POSIX wants it, since ISO C knows no such cast. */
#define NEXT(name) \
    static __typeof__(name) *next; \
    if (!next) \
        *(void **)&next = dlsym(RTLD_NEXT, #name)

/* By dlsym, and not by a call: what the log itself does must not be logged. */
__attribute__((constructor)) static void begin(void) {
    int (*open_file)(const char *, int, ...);
    *(void **)&open_file = dlsym(RTLD_NEXT, "open");
    const char *path = getenv("WRITE_LOG");
    folder = getenv("WRITE_LOG_FOLDER");
    if (!path || !folder)
        return;
    folder_length = strlen(folder);
    log_file = open_file(path, O_WRONLY | O_APPEND | O_CLOEXEC);
}

static void record(enum kind kind, uint64_t file, uint64_t offset, const void *data, size_t length) {
    struct head head = {.kind = (uint8_t)kind, .file = file, .offset = offset, .length = (uint32_t)length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)data, length}};
    if (writev(log_file, parts, 2) != (ssize_t)(sizeof head + length)) {
        fputs("write_log: the log cannot be written\n", stderr);
        abort();
    }
}

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* Whether a path is that of a file directly in the folder. */
static int is_in_folder(const char *path) {
    return log_file >= 0 && path && !strncmp(path, folder, folder_length) && path[folder_length] == '/' &&
           !strchr(path + folder_length + 1, '/') && !ends_with(path, "-shm");
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* Whether a descriptor is one of a file of the folder; its inode. */
static int is_watched(int file, uint64_t *inode) {
    char path[PATH_MAX];
    struct stat facts;
    int before = errno;
    int watched = log_file >= 0 && !fstat(file, &facts) && S_ISREG(facts.st_mode) && path_of(file, path);
    if (watched) {
        char *deleted = strstr(path, " (deleted)");
        if (deleted)
            *deleted = 0;
        watched = is_in_folder(path);
        *inode = facts.st_ino;
    }
    errno = before;
    return watched;
}

static int is_folder(int file) {
    char path[PATH_MAX];
    int before = errno;
    int same = log_file >= 0 && path_of(file, path) && !strcmp(path, folder);
    errno = before;
    return same;
}

/* Do something, and if it succeeds, record it. */
#define LOGGED(type, action, succeeded, ...) \
    do { \
        pthread_mutex_lock(&step); \
        type result = action; \
        int error = errno; \
        if (succeeded) \
            record(__VA_ARGS__); \
        pthread_mutex_unlock(&step); \
        errno = error; \
        return result; \
    } while (0)

/* --- Names ------------------------------------------------------------------------------------------------------ */

static void record_opened(int file, const char *path, int flags) {
    uint64_t inode;
    if (!is_watched(file, &inode))
        return;
    const char *name = path + folder_length + 1;
    record(OPENED, inode, 0, name, strlen(name));
    if (flags & O_TRUNC)
        record(CUT, inode, 0, NULL, 0);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        NEXT(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        if (!is_in_folder(path)) \
            return next(path, flags, mode); \
        pthread_mutex_lock(&step); \
        int file = next(path, flags, mode), error = errno; \
        if (file >= 0) \
            record_opened(file, path, flags); \
        pthread_mutex_unlock(&step); \
        errno = error; \
        return file; \
    }

OPEN(open)
OPEN(open64)

int rename(const char *old, const char *new) {
    NEXT(rename);
    if (!is_in_folder(old) && !is_in_folder(new))
        return next(old, new);
    char names[2 * PATH_MAX];
    size_t length = (size_t)snprintf(names, sizeof names, "%s%c%s", old + folder_length + 1, 0, new + folder_length + 1);
    int within = is_in_folder(old) && is_in_folder(new);
    LOGGED(int, next(old, new), !result, within ? RENAMED : GAP, 0, 0, names, length);
}

int unlink(const char *path) {
    NEXT(unlink);
    if (!is_in_folder(path))
        return next(path);
    const char *name = path + folder_length + 1;
    LOGGED(int, next(path), !result, UNLINKED, 0, 0, name, strlen(name));
}

int link(const char *old, const char *new) {
    NEXT(link);
    if (!is_in_folder(new))
        return next(old, new);
    LOGGED(int, next(old, new), !result, GAP, 0, 0, "link", 4);
}

/* --- Data ------------------------------------------------------------------------------------------------------- */

#define PWRITE(name) \
    ssize_t name(int file, const void *data, size_t length, off_t offset) { \
        NEXT(name); \
        uint64_t inode; \
        if (!is_watched(file, &inode)) \
            return next(file, data, length, offset); \
        LOGGED(ssize_t, next(file, data, length, offset), result > 0, WRITTEN, inode, (uint64_t)offset, data, (size_t)result); \
    }

PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t write(int file, const void *data, size_t length) {
    NEXT(write);
    uint64_t inode;
    if (!is_watched(file, &inode))
        return next(file, data, length);
    /* Behind what was written is where it began, also when it was appended. */
    LOGGED(ssize_t, next(file, data, length), result > 0, WRITTEN, inode,
           (uint64_t)(lseek(file, 0, SEEK_CUR) - result), data, (size_t)result);
}

#define TRUNCATE(name) \
    int name(int file, off_t length) { \
        NEXT(name); \
        uint64_t inode; \
        if (!is_watched(file, &inode)) \
            return next(file, length); \
        LOGGED(int, next(file, length), !result, CUT, inode, (uint64_t)length, NULL, 0); \
    }

TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define FLUSH(name) \
    int name(int file) { \
        NEXT(name); \
        uint64_t inode = 0; \
        int of_folder = is_folder(file); \
        if (!of_folder && !is_watched(file, &inode)) \
            return next(file); \
        LOGGED(int, next(file), !result, of_folder ? FOLDER_FLUSHED : FLUSHED, inode, 0, NULL, 0); \
    }

FLUSH(fsync)
FLUSH(fdatasync)

/* --- What the log has no place for ------------------------------------------------------------------------------- */

#define UNSEEN(name, parameters, arguments, type, failed, file) \
    type name parameters { \
        NEXT(name); \
        uint64_t inode; \
        if (!is_watched(file, &inode)) \
            return next arguments; \
        LOGGED(type, next arguments, result != (failed), GAP, inode, 0, #name, strlen(#name)); \
    }

#define UNSEEN_PARTS(name) UNSEEN(name, (int file, const struct iovec *parts, int count, off_t offset), (file, parts, count, offset), ssize_t, -1, file)
UNSEEN_PARTS(pwritev)
UNSEEN_PARTS(pwritev64)

#define UNSEEN_PARTS_2(name) \
    UNSEEN(name, (int file, const struct iovec *parts, int count, off_t offset, int flags), (file, parts, count, offset, flags), ssize_t, -1, file)
UNSEEN_PARTS_2(pwritev2)
UNSEEN_PARTS_2(pwritev64v2)

#define UNSEEN_ROOM(name) UNSEEN(name, (int file, off_t offset, off_t length), (file, offset, length), int, -1, file)
UNSEEN_ROOM(posix_fallocate)
UNSEEN_ROOM(posix_fallocate64)

#define UNSEEN_MODE(name) \
    UNSEEN(name, (int file, int mode, off_t offset, off_t length), (file, mode, offset, length), int, -1, file)
UNSEEN_MODE(fallocate)
UNSEEN_MODE(fallocate64)

UNSEEN(copy_file_range, (int in, off_t *from, int out, off_t *to, size_t length, unsigned flags),
       (in, from, out, to, length, flags), ssize_t, -1, out)

static int maps_to_write(int protection, int flags) { return protection & PROT_WRITE && flags & MAP_SHARED; }

#define MAP(name) \
    void *name(void *address, size_t length, int protection, int flags, int file, off_t offset) { \
        NEXT(name); \
        uint64_t inode; \
        if (!maps_to_write(protection, flags) || file < 0 || !is_watched(file, &inode)) \
            return next(address, length, protection, flags, file, offset); \
        LOGGED(void *, next(address, length, protection, flags, file, offset), result != MAP_FAILED, GAP, inode, 0, #name, strlen(#name)); \
    }

MAP(mmap)
MAP(mmap64)
