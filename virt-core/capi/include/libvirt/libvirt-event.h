/* libvirt-event.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_EVENT_H
#define LIBVIRT_EVENT_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_EVENT_HANDLE_READABLE = 1,
    VIR_EVENT_HANDLE_WRITABLE = 2,
    VIR_EVENT_HANDLE_ERROR = 4,
    VIR_EVENT_HANDLE_HANGUP = 8,
} virEventHandleType;

typedef void (*virEventHandleCallback)(int watch, int fd, int events, void *opaque);

typedef int (*virEventAddHandleFunc)(int fd,
                                     int event,
                                     virEventHandleCallback cb,
                                     void *opaque,
                                     virFreeCallback ff);

typedef void (*virEventUpdateHandleFunc)(int watch, int event);

typedef int (*virEventRemoveHandleFunc)(int watch);

typedef void (*virEventTimeoutCallback)(int timer, void *opaque);

typedef int (*virEventAddTimeoutFunc)(int timeout,
                                      virEventTimeoutCallback cb,
                                      void *opaque,
                                      virFreeCallback ff);

typedef void (*virEventUpdateTimeoutFunc)(int timer, int timeout);

typedef int (*virEventRemoveTimeoutFunc)(int timer);

/**
 * Gives the library the application's event loop. It stays for the life of the process. Since 0.5.0.
 */
void virEventRegisterImpl(virEventAddHandleFunc addHandle, virEventUpdateHandleFunc updateHandle, virEventRemoveHandleFunc removeHandle, virEventAddTimeoutFunc addTimeout, virEventUpdateTimeoutFunc updateTimeout, virEventRemoveTimeoutFunc removeTimeout);

/**
 * Takes the library's own event loop, which the application runs with virEventRunDefaultImpl().
 * Since 0.9.0.
 */
int virEventRegisterDefaultImpl(void);

/**
 * Waits until something happens, and calls whom it concerns, once. Since 0.9.0.
 */
int virEventRunDefaultImpl(void);

/**
 * Has the loop watch a descriptor; answers the number of the watch. Since 0.9.3.
 */
int virEventAddHandle(int fd, int events, virEventHandleCallback cb, void *opaque, virFreeCallback ff);

/**
 * Has the loop call after so many milliseconds, again and again; -1 is never, until it is updated.
 * Since 0.9.3.
 */
int virEventAddTimeout(int frequency, virEventTimeoutCallback cb, void *opaque, virFreeCallback ff);

/**
 * Ends a watch; what it was given is freed when the loop comes round. Since 0.9.3.
 */
int virEventRemoveHandle(int watch);

/**
 * Ends a timer; what it was given is freed when the loop comes round. Since 0.9.3.
 */
int virEventRemoveTimeout(int timer);

/**
 * Changes what a watch waits for. Since 0.9.3.
 */
void virEventUpdateHandle(int watch, int events);

/**
 * Changes how often a timer calls. Since 0.9.3.
 */
void virEventUpdateTimeout(int timer, int frequency);

#ifdef __cplusplus
}
#endif

#endif
