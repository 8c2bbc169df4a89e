/* Typed parameters. */
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

/* Prints what a call answers, and the error that it leaves. */
#define SHOW(call) do { int answer = (call); printf("%s = %d: %s\n", #call, answer, virGetLastErrorMessage()); } while (0)

static void quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

int main(void)
{
    virTypedParameterPtr params = NULL;
    const char *list[] = {"first", "second", NULL};
    const char *text = NULL;
    unsigned long long big = 0;
    long long signed_big = 0;
    unsigned int small = 0;
    double fraction = 0;
    int count = 0, room = 0, whole = 0, number;
    char long_name[100];

    virInitialize();
    virSetErrorFunc(NULL, quiet);
    printf("%d", virTypedParamsAddInt(&params, &count, &room, "int", -1));
    printf(" %d", virTypedParamsAddUInt(&params, &count, &room, "uint", 4000000000u));
    printf(" %d", virTypedParamsAddLLong(&params, &count, &room, "llong", -5000000000LL));
    printf(" %d", virTypedParamsAddULLong(&params, &count, &room, "ullong", 18000000000000000000ULL));
    printf(" %d", virTypedParamsAddDouble(&params, &count, &room, "double", 0.25));
    printf(" %d", virTypedParamsAddBoolean(&params, &count, &room, "boolean", 7));
    printf(" %d", virTypedParamsAddString(&params, &count, &room, "string", "a text"));
    printf(" %d", virTypedParamsAddStringList(&params, &count, &room, "list", list));
    printf(" %d", virTypedParamsAddFromString(&params, &count, &room, "from", VIR_TYPED_PARAM_UINT, "12"));
    printf(" %d\n", count);
    for (number = 0; number < count; number++)
        printf("%s %d\n", params[number].field, params[number].type);
    SHOW(virTypedParamsGetInt(params, count, "int", &whole));
    printf("%d\n", whole);
    SHOW(virTypedParamsGetUInt(params, count, "uint", &small));
    printf("%u\n", small);
    SHOW(virTypedParamsGetLLong(params, count, "llong", &signed_big));
    printf("%lld\n", signed_big);
    SHOW(virTypedParamsGetULLong(params, count, "ullong", &big));
    printf("%llu\n", big);
    SHOW(virTypedParamsGetDouble(params, count, "double", &fraction));
    printf("%f\n", fraction);
    SHOW(virTypedParamsGetBoolean(params, count, "boolean", &whole));
    printf("%d\n", whole);
    SHOW(virTypedParamsGetString(params, count, "string", &text));
    printf("%s\n", text);
    SHOW(virTypedParamsGetString(params, count, "list", &text));
    printf("%s\n", text);
    printf("%d\n", virTypedParamsGetInt(params, count, "nothing", &whole));
    SHOW(virTypedParamsGetInt(params, count, "string", &whole));
    printf("%d %d\n", virTypedParamsGet(params, count, "from") == params + count - 1,
           virTypedParamsGet(params, count, "nothing") == NULL);
    memset(long_name, 'x', sizeof(long_name));
    long_name[99] = 0;
    SHOW(virTypedParamsAddInt(&params, &count, &room, long_name, 1));
    SHOW(virTypedParamsAddFromString(&params, &count, &room, "n", VIR_TYPED_PARAM_INT, "x"));
    printf("%d\n", count);
    SHOW(virTypedParamsAddString(&params, &count, &room, "null", NULL));
    SHOW(virTypedParamsGetString(params, count, "null", &text));
    printf("[%s]\n", text ? text : "NULL");
    virTypedParamsClear(params + 6, 1);
    virTypedParamsFree(params, count);
    return 0;
}
