/* libvirt-common.h, of the C library of virt. Written by `cargo xtask c-api`: change its tables, not this file. */

#ifndef LIBVIRT_COMMON_H
#define LIBVIRT_COMMON_H

#ifndef __VIR_LIBVIRT_H_INCLUDES__
#error "include libvirt/libvirt.h, which includes this file"
#endif

#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#ifndef VIR_DEPRECATED
#ifdef __GNUC__
#define VIR_DEPRECATED __attribute__((__deprecated__))
#else
#define VIR_DEPRECATED
#endif
#endif

#define VIR_EXPORT_VAR extern

#ifdef __cplusplus
extern "C" {
#endif

#define LIBVIR_VERSION_NUMBER 11003000
#define VIR_TYPED_PARAM_FIELD_LENGTH 80

typedef enum {
    VIR_CONNECT_CLOSE_REASON_ERROR = 0,
    VIR_CONNECT_CLOSE_REASON_EOF = 1,
    VIR_CONNECT_CLOSE_REASON_KEEPALIVE = 2,
    VIR_CONNECT_CLOSE_REASON_CLIENT = 3,
#ifdef VIR_ENUM_SENTINELS
    VIR_CONNECT_CLOSE_REASON_LAST = 4,
#endif
} virConnectCloseReason;

typedef enum {
    VIR_TYPED_PARAM_INT = 1,
    VIR_TYPED_PARAM_UINT = 2,
    VIR_TYPED_PARAM_LLONG = 3,
    VIR_TYPED_PARAM_ULLONG = 4,
    VIR_TYPED_PARAM_DOUBLE = 5,
    VIR_TYPED_PARAM_BOOLEAN = 6,
    VIR_TYPED_PARAM_STRING = 7,
#ifdef VIR_ENUM_SENTINELS
    VIR_TYPED_PARAM_LAST = 8,
#endif
} virTypedParameterType;

typedef enum {
    VIR_TYPED_PARAM_STRING_OKAY = 4,
} virTypedParameterFlags;

typedef void (*virFreeCallback)(void *opaque);

/**
 * The value of a typed parameter; which member it is, its type says.
 */
union virTypedParameterValue {
  int i;
  unsigned int ui;
  long long l;
  unsigned long long ul;
  double d;
  char b;
  char *s;
};

struct _virTypedParameter {
  char field[VIR_TYPED_PARAM_FIELD_LENGTH];
  int type;
  union virTypedParameterValue value;
};

typedef struct _virTypedParameter virTypedParameter;

typedef virTypedParameter *virTypedParameterPtr;

#define LIBVIR_CHECK_VERSION(major, minor, micro) ((major) * 1000000 + (minor) * 1000 + (micro) <= LIBVIR_VERSION_NUMBER)

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddBoolean(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, int value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddDouble(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, double value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddFromString(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, int type, const char *value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddInt(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, int value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddLLong(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, long long value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddString(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, const char *value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddUInt(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, unsigned int value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.0.2.
 */
int virTypedParamsAddULLong(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, unsigned long long value);

/**
 * Frees the texts in an array of parameters. Since 1.0.2.
 */
void virTypedParamsClear(virTypedParameterPtr params, int nparams);

/**
 * Frees an array of parameters and its texts. Since 1.0.2.
 */
void virTypedParamsFree(virTypedParameterPtr params, int nparams);

/**
 * The parameter of this name; NULL where there is none. The answer is not counted, and lives as long
 * as the object. Since 1.0.2.
 */
virTypedParameterPtr virTypedParamsGet(virTypedParameterPtr params, int nparams, const char *name);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetBoolean(virTypedParameterPtr params, int nparams, const char *name, int *value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetDouble(virTypedParameterPtr params, int nparams, const char *name, double *value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetInt(virTypedParameterPtr params, int nparams, const char *name, int *value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetLLong(virTypedParameterPtr params, int nparams, const char *name, long long *value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetString(virTypedParameterPtr params, int nparams, const char *name, const char **value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetUInt(virTypedParameterPtr params, int nparams, const char *name, unsigned int *value);

/**
 * Reads the parameter of this name: 1 when it is there, 0 when not, -1 when it is of another type.
 * Since 1.0.2.
 */
int virTypedParamsGetULLong(virTypedParameterPtr params, int nparams, const char *name, unsigned long long *value);

/**
 * Adds a parameter to the array, which grows as it must. Since 1.2.17.
 */
int virTypedParamsAddStringList(virTypedParameterPtr *params, int *nparams, int *maxparams, const char *name, const char **values);

#ifdef __cplusplus
}
#endif

#endif
