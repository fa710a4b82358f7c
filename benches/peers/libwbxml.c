/* Conversions of libwbxml, timed in this process by the clock that `compare` uses: the CPU time of the process.
 *
 * Started by `compare`, once for each document, as `libwbxml wbxml2xml` or `libwbxml xml2wbxml`. On its input stands the number of
 * octets of the document on a line, then the document. It answers in the same way with the result, or with a line `error: ...`.
 * After that each line of its input is a number of conversions to do, and each answer a line: how many nanoseconds they took.
 *
 * One conversion is what a user does: a converter is made and set up, run, and freed with its result. Output is compact, as
 * ours is; no string table, as ours has by default. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wbxml/wbxml.h>

struct octets {
    WB_UTINY *at;
    WB_ULONG length;
};

typedef WBXMLError conversion(struct octets in, struct octets *out);

static WBXMLError wbxml_to_xml(struct octets in, struct octets *out)
{
    WBXMLConvWBXML2XML *converter = NULL;
    WBXMLError error = wbxml_conv_wbxml2xml_create(&converter);
    if (error != WBXML_OK)
        return error;
    wbxml_conv_wbxml2xml_set_gen_type(converter, WBXML_GEN_XML_COMPACT);
    error = wbxml_conv_wbxml2xml_run(converter, in.at, in.length, &out->at, &out->length);
    wbxml_conv_wbxml2xml_destroy(converter);
    return error;
}

static WBXMLError xml_to_wbxml(struct octets in, struct octets *out)
{
    WBXMLConvXML2WBXML *converter = NULL;
    WBXMLError error = wbxml_conv_xml2wbxml_create(&converter);
    if (error != WBXML_OK)
        return error;
    wbxml_conv_xml2wbxml_disable_string_table(converter);
    error = wbxml_conv_xml2wbxml_run(converter, in.at, in.length, &out->at, &out->length);
    wbxml_conv_xml2wbxml_destroy(converter);
    return error;
}

static int64_t cpu_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int failed(const char *why)
{
    printf("error: %s\n", why);
    return 1;
}

int main(int argc, char **argv)
{
    conversion *convert = NULL;
    if (argc == 2 && strcmp(argv[1], "wbxml2xml") == 0)
        convert = wbxml_to_xml;
    if (argc == 2 && strcmp(argv[1], "xml2wbxml") == 0)
        convert = xml_to_wbxml;
    if (!convert)
        return failed("the one argument is wbxml2xml or xml2wbxml");

    char line[32];
    if (!fgets(line, sizeof line, stdin))
        return failed("no document");
    struct octets in = { NULL, (WB_ULONG)strtoul(line, NULL, 10) };
    in.at = malloc((size_t)in.length + 1);
    if (!in.at || fread(in.at, 1, in.length, stdin) != in.length)
        return failed("the document is not as long as was said");
    in.at[in.length] = 0;

    struct octets out = { NULL, 0 };
    WBXMLError error = convert(in, &out);
    if (error != WBXML_OK)
        return failed((const char *)wbxml_errors_string(error));
    printf("%lu\n", (unsigned long)out.length);
    fwrite(out.at, 1, out.length, stdout);
    fflush(stdout);
    free(out.at);

    while (fgets(line, sizeof line, stdin)) {
        unsigned long long runs = strtoull(line, NULL, 10);
        int64_t start = cpu_nanoseconds();
        for (; runs > 0; runs--) {
            out.at = NULL;
            error = convert(in, &out);
            free(out.at);
            if (error != WBXML_OK)
                return failed((const char *)wbxml_errors_string(error));
        }
        printf("%" PRId64 "\n", cpu_nanoseconds() - start);
        fflush(stdout);
    }
    free(in.at);
    return 0;
}
