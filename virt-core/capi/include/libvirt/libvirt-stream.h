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

/**
 * Ends the stream at once. Since 0.7.2.
 */
int virStreamAbort(virStreamPtr st);

/**
 * Has the callback told, by the event loop, when the stream can be read or written. Since 0.7.2.
 */
int virStreamEventAddCallback(virStreamPtr stream, int events, virStreamEventCallback cb, void *opaque, virFreeCallback ff);

/**
 * Ends what virStreamEventAddCallback began. Since 0.7.2.
 */
int virStreamEventRemoveCallback(virStreamPtr stream);

/**
 * Changes what the stream's callback is told of. Since 0.7.2.
 */
int virStreamEventUpdateCallback(virStreamPtr stream, int events);

/**
 * Ends the stream well: everything sent has arrived. Since 0.7.2.
 */
int virStreamFinish(virStreamPtr st);

/**
 * Gives a reference of the stream back; with the last one it ends. Since 0.7.2.
 */
int virStreamFree(virStreamPtr st);

/**
 * A stream that is connected by the function which it is given to. The caller gives the answer back
 * with virStreamFree(). Since 0.7.2.
 */
virStreamPtr virStreamNew(virConnectPtr conn, unsigned int flags);

/**
 * Receives bytes, holes as zeros: how many, 0 at the end, -2 where it would have to wait and must
 * not. Since 0.7.2.
 */
int virStreamRecv(virStreamPtr st, char *data, size_t nbytes);

/**
 * Gives the whole stream to the handler. A stream that failed is ended. Since 0.7.2.
 */
int virStreamRecvAll(virStreamPtr st, virStreamSinkFunc handler, void *opaque);

/**
 * Takes one reference more of the stream. Since 0.7.2.
 */
int virStreamRef(virStreamPtr st);

/**
 * Sends bytes; answers how many were taken, at least one. Since 0.7.2.
 */
int virStreamSend(virStreamPtr st, const char *data, size_t nbytes);

/**
 * Sends all that the handler has. A stream that failed is ended. Since 0.7.2.
 */
int virStreamSendAll(virStreamPtr st, virStreamSourceFunc handler, void *opaque);

/**
 * The next bytes, at most limit; or a hole; or the end. Since 3.4.0.
 */
int virStreamRecvFlags(virStreamPtr st, char *data, size_t nbytes, unsigned int flags);

/**
 * The length of the hole that comes next, which it takes; 0 where none does. Since 3.4.0.
 */
int virStreamRecvHole(virStreamPtr st, long long *length, unsigned int flags);

/**
 * Sends a hole of this many bytes. Since 3.4.0.
 */
int virStreamSendHole(virStreamPtr st, long long length, unsigned int flags);

/**
 * Gives the whole stream to the handlers, holes apart. A stream that failed is ended. Since 3.4.0.
 */
int virStreamSparseRecvAll(virStreamPtr stream, virStreamSinkFunc handler, virStreamSinkHoleFunc holeHandler, void *opaque);

/**
 * Sends all that the handlers have, holes apart. A stream that failed is ended. Since 3.4.0.
 */
int virStreamSparseSendAll(virStreamPtr st, virStreamSourceFunc handler, virStreamSourceHoleFunc holeHandler, virStreamSourceSkipFunc skipHandler, void *opaque);

#ifdef __cplusplus
}
#endif

#endif
