/* What the programs on libvirt's side share: a clock, and samples in the form that `cargo xtask bench` reads,
 * one a line: the benchmark's name, a tab, and seconds. */
#ifndef SAMPLES_H
#define SAMPLES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

static inline double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

static inline void
sample(const char *name, double seconds)
{
    printf("%s\t%.9f\n", name, seconds);
    fflush(stdout);
}

/* Ends the program unless a call succeeded. */
static inline void
need(int succeeded, const char *what)
{
    if (!succeeded) {
        fprintf(stderr, "%s: %s\n", what, virGetLastErrorMessage());
        exit(1);
    }
}

/* Goes on in a child, whose orphans the parent reaps at once. libvirt waits until the pid of a QEMU is gone, and in a
 * container whose first process is slow to reap that would be measured too. */
static inline void
reap_orphans(void)
{
    pid_t child, ended;
    int status, result = 1;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    child = fork();
    if (child == 0)
        return;
    while ((ended = wait(&status)) > 0) {
        if (ended == child) {
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
            break;
        }
    }
    _exit(result);
}

#endif
