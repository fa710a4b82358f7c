//! SyncML: the messages themselves (RepPro 1.2.2; code page 0).

use super::code_page;

code_page! {
    /// Code page 0 of SyncML. Tokens 35 to 3C came with 1.2; 1.0 and 1.1 have the others.
    page 0, ["SYNCML:SYNCML1.2", "SYNCML:SYNCML1.1", "SYNCML:SYNCML1.0"]:
    ADD = 0x05 "Add";
    ALERT = 0x06 "Alert";
    ARCHIVE = 0x07 "Archive";
    ATOMIC = 0x08 "Atomic";
    CHAL = 0x09 "Chal";
    CMD = 0x0A "Cmd";
    CMD_ID = 0x0B "CmdID";
    CMD_REF = 0x0C "CmdRef";
    COPY = 0x0D "Copy";
    CRED = 0x0E "Cred";
    DATA = 0x0F "Data";
    DELETE = 0x10 "Delete";
    EXEC = 0x11 "Exec";
    FINAL = 0x12 "Final";
    GET = 0x13 "Get";
    ITEM = 0x14 "Item";
    LANG = 0x15 "Lang";
    LOC_NAME = 0x16 "LocName";
    LOC_URI = 0x17 "LocURI";
    MAP = 0x18 "Map";
    MAP_ITEM = 0x19 "MapItem";
    META = 0x1A "Meta";
    MSG_ID = 0x1B "MsgID";
    MSG_REF = 0x1C "MsgRef";
    NO_RESP = 0x1D "NoResp";
    NO_RESULTS = 0x1E "NoResults";
    PUT = 0x1F "Put";
    REPLACE = 0x20 "Replace";
    RESP_URI = 0x21 "RespURI";
    RESULTS = 0x22 "Results";
    SEARCH = 0x23 "Search";
    SEQUENCE = 0x24 "Sequence";
    SESSION_ID = 0x25 "SessionID";
    SFT_DEL = 0x26 "SftDel";
    SOURCE = 0x27 "Source";
    SOURCE_REF = 0x28 "SourceRef";
    STATUS = 0x29 "Status";
    SYNC = 0x2A "Sync";
    SYNC_BODY = 0x2B "SyncBody";
    SYNC_HDR = 0x2C "SyncHdr";
    SYNCML = 0x2D "SyncML";
    TARGET = 0x2E "Target";
    TARGET_REF = 0x2F "TargetRef";
    VER_DTD = 0x31 "VerDTD";
    VER_PROTO = 0x32 "VerProto";
    NUMBER_OF_CHANGES = 0x33 "NumberOfChanges";
    MORE_DATA = 0x34 "MoreData";
    FIELD = 0x35 "Field";
    FILTER = 0x36 "Filter";
    RECORD = 0x37 "Record";
    FILTER_TYPE = 0x38 "FilterType";
    SOURCE_PARENT = 0x39 "SourceParent";
    TARGET_PARENT = 0x3A "TargetParent";
    MOVE = 0x3B "Move";
    CORRELATOR = 0x3C "Correlator";
}

/// Code page 0 in the namespace of SyncML 1.1.
pub static PAGE_1_1: crate::CodePage = crate::CodePage::new(0, &["SYNCML:SYNCML1.1"], ELEMENTS);

/// Code page 0 in the namespace of SyncML 1.0.
pub static PAGE_1_0: crate::CodePage = crate::CodePage::new(0, &["SYNCML:SYNCML1.0"], ELEMENTS);
