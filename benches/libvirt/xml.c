/* Domain documents in libvirt: reading and writing them with its own parser and no hypervisor's help, and the define
 * that validates them against the schema.
 *
 * usage: xml read LIST PASSES | define LIST
 *
 * LIST names the documents, a path a line. The parser is not part of the public interface: its functions and the one
 * structure that it is set up with are those of version 11.3, and of no other. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "samples.h"

#define VERSION 11003

/* What a driver tells the parser of itself. */
struct config {
    void *callbacks[6];
    void *values[2];
    void *data;
    void *free_data;
    unsigned int features;
    unsigned char mac_prefix[3];
    int arch;
    const char *net_prefix;
    const char *security_model;
};

/* Memory hotplug, pinning of processors that are off, slashes in names, single processors, the user's aliases, firmware
 * by its features, any network model, descriptors of disks. */
#define FEATURES 0x3be

#define PARSE_INACTIVE (1 << 1)
#define FORMAT_SECURE (1 << 0)

extern void *virDomainXMLOptionNew(struct config *, void *, void *, void *, void *, void *);
extern void *virDomainDefParseString(const char *, void *, void *, unsigned int);
extern char *virDomainDefFormat(void *, void *, unsigned int);
extern void virDomainDefFree(void *);
extern int virArchFromString(const char *);

static void
quiet(void *data, virErrorPtr error)
{
    (void)data;
    (void)error;
}

static void
fail(const char *what, const char *path)
{
    fprintf(stderr, "%s %s: %s\n", what, path, virGetLastErrorMessage());
    exit(1);
}

/* A file, whole. */
static char *
contents(const char *path)
{
    FILE *file = fopen(path, "r");
    long size;
    char *text;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        fail("cannot read", path);
    rewind(file);
    text = calloc(1, size + 1);
    if (!text || fread(text, 1, size, file) != (size_t)size)
        fail("cannot read", path);
    fclose(file);
    return text;
}

static double
user_time(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_utime.tv_usec * 1e-6;
}

static void
read_and_write(char **paths, char **texts, int count, int passes)
{
    struct config config = { .features = FEATURES };
    void *options, *domain;
    char *text;
    double begin;

    config.arch = virArchFromString("x86_64");
    options = virDomainXMLOptionNew(&config, NULL, NULL, NULL, NULL, NULL);
    begin = user_time();
    for (int pass = 0; pass < passes; pass++) {
        for (int i = 0; i < count; i++) {
            domain = virDomainDefParseString(texts[i], options, NULL, PARSE_INACTIVE);
            if (!domain)
                fail("refused:", paths[i]);
            text = virDomainDefFormat(domain, options, FORMAT_SECURE);
            if (!text)
                fail("not written:", paths[i]);
            free(text);
            virDomainDefFree(domain);
        }
    }
    sample("xml.time", (user_time() - begin) / passes / count);
}

/* A few documents are refused: by the schema, which is not right about everything, or because a guest of the same name
 * is there. Each of them is validated all the same, and that is what takes the time. */
static void
define(char **texts, int count)
{
    virConnectPtr connection = virConnectOpen("test:///default");
    virDomainPtr domain;
    double begin;
    int refused = 0;

    need(connection != NULL, "cannot connect");
    begin = user_time();
    for (int i = 0; i < count; i++) {
        domain = virDomainDefineXMLFlags(connection, texts[i], VIR_DOMAIN_DEFINE_VALIDATE);
        if (!domain) {
            refused++;
            continue;
        }
        need(virDomainUndefine(domain) == 0, "cannot undefine");
        virDomainFree(domain);
    }
    sample("xml.strict", (user_time() - begin) / count);
    virConnectClose(connection);
    if (refused * 10 > count) {
        fprintf(stderr, "%d of %d documents are refused\n", refused, count);
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    char **paths = NULL, **texts = NULL;
    char *line, *rest;
    unsigned long version;
    int count = 0;

    if (argc < 3)
        return 2;
    need(virInitialize() == 0, "cannot begin");
    need(virGetVersion(&version, NULL, NULL) == 0, "cannot ask for the version");
    if (version / 1000 != VERSION) {
        fprintf(stderr, "this is libvirt %lu.%lu, not 11.3\n", version / 1000000, version / 1000 % 1000);
        return 1;
    }
    virSetErrorFunc(NULL, quiet);
    for (line = strtok_r(contents(argv[2]), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        paths = realloc(paths, (count + 1) * sizeof(*paths));
        texts = realloc(texts, (count + 1) * sizeof(*texts));
        paths[count] = line;
        texts[count++] = contents(line);
    }
    if (argc == 4 && strcmp(argv[1], "read") == 0)
        read_and_write(paths, texts, count, atoi(argv[3]));
    else if (argc == 3 && strcmp(argv[1], "define") == 0)
        define(texts, count);
    else
        return 2;
    return 0;
}
