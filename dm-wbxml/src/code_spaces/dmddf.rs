//! DM DDF and TNDS: descriptions and serializations of management trees (TND 1.2.1; code page 2).

use super::code_page;

code_page! {
    /// Code page 2 of SyncML.
    page 2, ["syncml:dmddf1.2"]:
    ACCESS_TYPE = 0x05 "AccessType";
    ACL = 0x06 "ACL";
    ADD = 0x07 "Add";
    FORMAT_B64 = 0x08 "b64";
    FORMAT_BIN = 0x09 "bin";
    FORMAT_BOOL = 0x0A "bool";
    FORMAT_CHR = 0x0B "chr";
    CASE_SENSE = 0x0C "CaseSense";
    CIS = 0x0D "CIS";
    COPY = 0x0E "Copy";
    CS = 0x0F "CS";
    FORMAT_DATE = 0x10 "date";
    DDF_NAME = 0x11 "DDFName";
    DEFAULT_VALUE = 0x12 "DefaultValue";
    DELETE = 0x13 "Delete";
    DESCRIPTION = 0x14 "Description";
    DF_FORMAT = 0x15 "DFFormat";
    DF_PROPERTIES = 0x16 "DFProperties";
    DF_TITLE = 0x17 "DFTitle";
    DF_TYPE = 0x18 "DFType";
    DYNAMIC = 0x19 "Dynamic";
    EXEC = 0x1A "Exec";
    FORMAT_FLOAT = 0x1B "float";
    FORMAT = 0x1C "Format";
    GET = 0x1D "Get";
    FORMAT_INT = 0x1E "int";
    MAN = 0x1F "Man";
    MGMT_TREE = 0x20 "MgmtTree";
    MIME = 0x21 "MIME";
    MOD = 0x22 "Mod";
    NAME = 0x23 "Name";
    NODE = 0x24 "Node";
    FORMAT_NODE = 0x25 "node";
    NODE_NAME = 0x26 "NodeName";
    FORMAT_NULL = 0x27 "null";
    OCCURRENCE = 0x28 "Occurrence";
    ONE = 0x29 "One";
    ONE_OR_MORE = 0x2A "OneOrMore";
    ONE_OR_N = 0x2B "OneOrN";
    PATH = 0x2C "Path";
    PERMANENT = 0x2D "Permanent";
    REPLACE = 0x2E "Replace";
    RT_PROPERTIES = 0x2F "RTProperties";
    SCOPE = 0x30 "Scope";
    SIZE = 0x31 "Size";
    FORMAT_TIME = 0x32 "time";
    TITLE = 0x33 "Title";
    T_STAMP = 0x34 "TStamp";
    TYPE = 0x35 "Type";
    VALUE = 0x36 "Value";
    VER_DTD = 0x37 "VerDTD";
    VER_NO = 0x38 "VerNo";
    FORMAT_XML = 0x39 "xml";
    ZERO_OR_MORE = 0x3A "ZeroOrMore";
    ZERO_OR_N = 0x3B "ZeroOrN";
    ZERO_OR_ONE = 0x3C "ZeroOrOne";
}

/// The same page where it is a document of its own: without a namespace too, as documents by the DTD are.
pub static DOCUMENT_PAGE: crate::CodePage = crate::CodePage::new(2, &["syncml:dmddf1.2", ""], ELEMENTS);
