/* libvirt-stream.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_STREAM_H
#define LIBVIRT_STREAM_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#ifdef __cplusplus
extern "C" {
#endif


typedef enum {
    VIR_STREAM_NONBLOCK = 1,
} virStreamFlags;

typedef enum {
    VIR_STREAM_RECV_STOP_AT_HOLE = 1,
} virStreamRecvFlagsValues;

typedef enum {
    VIR_STREAM_EVENT_READABLE = 1,
    VIR_STREAM_EVENT_WRITABLE = 2,
    VIR_STREAM_EVENT_ERROR = 4,
    VIR_STREAM_EVENT_HANGUP = 8,
} virStreamEventType;

typedef int (*virStreamSourceFunc)(virStreamPtr st, char *data, size_t nbytes, void *opaque);

typedef int (*virStreamSourceHoleFunc)(virStreamPtr st, int *inData, long long *length, void *opaque);

typedef int (*virStreamSourceSkipFunc)(virStreamPtr st, long long length, void *opaque);

typedef int (*virStreamSinkFunc)(virStreamPtr st, const char *data, size_t nbytes, void *opaque);

typedef int (*virStreamSinkHoleFunc)(virStreamPtr st, long long length, void *opaque);

typedef void (*virStreamEventCallback)(virStreamPtr stream, int events, void *opaque);

/* Since 0.7.2. */
int virStreamAbort(virStreamPtr st);

/* Since 0.7.2. */
int virStreamEventAddCallback(virStreamPtr stream, int events, virStreamEventCallback cb, void *opaque, virFreeCallback ff);

/* Since 0.7.2. */
int virStreamEventRemoveCallback(virStreamPtr stream);

/* Since 0.7.2. */
int virStreamEventUpdateCallback(virStreamPtr stream, int events);

/* Since 0.7.2. */
int virStreamFinish(virStreamPtr st);

/* Since 0.7.2. */
int virStreamFree(virStreamPtr st);

/* Since 0.7.2. The caller gives the answer back with virStreamFree(). */
virStreamPtr virStreamNew(virConnectPtr conn, unsigned int flags);

/* Since 0.7.2. */
int virStreamRecv(virStreamPtr st, char *data, size_t nbytes);

/* Since 0.7.2. */
int virStreamRecvAll(virStreamPtr st, virStreamSinkFunc handler, void *opaque);

/* Since 0.7.2. */
int virStreamRef(virStreamPtr st);

/* Since 0.7.2. */
int virStreamSend(virStreamPtr st, const char *data, size_t nbytes);

/* Since 0.7.2. */
int virStreamSendAll(virStreamPtr st, virStreamSourceFunc handler, void *opaque);

/* Since 3.4.0. */
int virStreamRecvFlags(virStreamPtr st, char *data, size_t nbytes, unsigned int flags);

/* Since 3.4.0. */
int virStreamRecvHole(virStreamPtr st, long long *length, unsigned int flags);

/* Since 3.4.0. */
int virStreamSendHole(virStreamPtr st, long long length, unsigned int flags);

/* Since 3.4.0. */
int virStreamSparseRecvAll(virStreamPtr stream, virStreamSinkFunc handler, virStreamSinkHoleFunc holeHandler, void *opaque);

/* Since 3.4.0. */
int virStreamSparseSendAll(virStreamPtr st, virStreamSourceFunc handler, virStreamSourceHoleFunc holeHandler, virStreamSourceSkipFunc skipHandler, void *opaque);

#ifdef __cplusplus
}
#endif

#endif
