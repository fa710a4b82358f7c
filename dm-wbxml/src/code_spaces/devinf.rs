//! DevInf: what a data-sync device tells of itself, a document of its own (DevInf 1.2; code page 0).

use super::code_page;

code_page! {
    /// Code page 0 of DevInf 1.2.
    page 0, ["syncml:devinf"]:
    CT_CAP = 0x05 "CTCap";
    CT_TYPE = 0x06 "CTType";
    DATA_STORE = 0x07 "DataStore";
    DATA_TYPE = 0x08 "DataType";
    DEV_ID = 0x09 "DevID";
    DEV_INF = 0x0A "DevInf";
    DEV_TYP = 0x0B "DevTyp";
    DISPLAY_NAME = 0x0C "DisplayName";
    DS_MEM = 0x0D "DSMem";
    EXT = 0x0E "Ext";
    FW_V = 0x0F "FwV";
    HW_V = 0x10 "HwV";
    MAN = 0x11 "Man";
    MAX_GUID_SIZE = 0x12 "MaxGUIDSize";
    MAX_ID = 0x13 "MaxID";
    MAX_MEM = 0x14 "MaxMem";
    MOD = 0x15 "Mod";
    OEM = 0x16 "OEM";
    PARAM_NAME = 0x17 "ParamName";
    PROP_NAME = 0x18 "PropName";
    RX = 0x19 "Rx";
    RX_PREF = 0x1A "Rx-Pref";
    SHARED_MEM = 0x1B "SharedMem";
    MAX_SIZE = 0x1C "MaxSize";
    SOURCE_REF = 0x1D "SourceRef";
    SW_V = 0x1E "SwV";
    SYNC_CAP = 0x1F "SyncCap";
    SYNC_TYPE = 0x20 "SyncType";
    TX = 0x21 "Tx";
    TX_PREF = 0x22 "Tx-Pref";
    VAL_ENUM = 0x23 "ValEnum";
    VER_CT = 0x24 "VerCT";
    VER_DTD = 0x25 "VerDTD";
    X_NAM = 0x26 "XNam";
    X_VAL = 0x27 "XVal";
    UTC = 0x28 "UTC";
    SUPPORT_NUMBER_OF_CHANGES = 0x29 "SupportNumberOfChanges";
    SUPPORT_LARGE_OBJS = 0x2A "SupportLargeObjs";
    PROPERTY = 0x2B "Property";
    PROP_PARAM = 0x2C "PropParam";
    MAX_OCCUR = 0x2D "MaxOccur";
    NO_TRUNCATE = 0x2E "NoTruncate";
    FILTER_RX = 0x30 "Filter-Rx";
    FILTER_CAP = 0x31 "FilterCap";
    FILTER_KEYWORD = 0x32 "FilterKeyword";
    FIELD_LEVEL = 0x33 "FieldLevel";
    SUPPORT_HIERARCHICAL_SYNC = 0x34 "SupportHierarchicalSync";
}

/// Code page 0 of DevInf 1.1, where token 1C is `Size`; the last three tokens came with it.
pub static PAGE_1_1: crate::CodePage = crate::CodePage::new(
    0,
    &["syncml:devinf"],
    &[
        (0x05, "CTCap"),
        (0x06, "CTType"),
        (0x07, "DataStore"),
        (0x08, "DataType"),
        (0x09, "DevID"),
        (0x0A, "DevInf"),
        (0x0B, "DevTyp"),
        (0x0C, "DisplayName"),
        (0x0D, "DSMem"),
        (0x0E, "Ext"),
        (0x0F, "FwV"),
        (0x10, "HwV"),
        (0x11, "Man"),
        (0x12, "MaxGUIDSize"),
        (0x13, "MaxID"),
        (0x14, "MaxMem"),
        (0x15, "Mod"),
        (0x16, "OEM"),
        (0x17, "ParamName"),
        (0x18, "PropName"),
        (0x19, "Rx"),
        (0x1A, "Rx-Pref"),
        (0x1B, "SharedMem"),
        (0x1C, "Size"),
        (0x1D, "SourceRef"),
        (0x1E, "SwV"),
        (0x1F, "SyncCap"),
        (0x20, "SyncType"),
        (0x21, "Tx"),
        (0x22, "Tx-Pref"),
        (0x23, "ValEnum"),
        (0x24, "VerCT"),
        (0x25, "VerDTD"),
        (0x26, "XNam"),
        (0x27, "XVal"),
        (0x28, "UTC"),
        (0x29, "SupportNumberOfChanges"),
        (0x2A, "SupportLargeObjs"),
    ],
);

/// Code page 0 of DevInf 1.0.
pub static PAGE_1_0: crate::CodePage = crate::CodePage::new(
    0,
    &["syncml:devinf"],
    &[
        (0x05, "CTCap"),
        (0x06, "CTType"),
        (0x07, "DataStore"),
        (0x08, "DataType"),
        (0x09, "DevID"),
        (0x0A, "DevInf"),
        (0x0B, "DevTyp"),
        (0x0C, "DisplayName"),
        (0x0D, "DSMem"),
        (0x0E, "Ext"),
        (0x0F, "FwV"),
        (0x10, "HwV"),
        (0x11, "Man"),
        (0x12, "MaxGUIDSize"),
        (0x13, "MaxID"),
        (0x14, "MaxMem"),
        (0x15, "Mod"),
        (0x16, "OEM"),
        (0x17, "ParamName"),
        (0x18, "PropName"),
        (0x19, "Rx"),
        (0x1A, "Rx-Pref"),
        (0x1B, "SharedMem"),
        (0x1C, "Size"),
        (0x1D, "SourceRef"),
        (0x1E, "SwV"),
        (0x1F, "SyncCap"),
        (0x20, "SyncType"),
        (0x21, "Tx"),
        (0x22, "Tx-Pref"),
        (0x23, "ValEnum"),
        (0x24, "VerCT"),
        (0x25, "VerDTD"),
        (0x26, "XNam"),
        (0x27, "XVal"),
    ],
);
