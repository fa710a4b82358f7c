//! The code spaces this crate knows, as data.

pub mod devinf;
pub mod dmddf;
pub mod metinf;
pub mod provisioning;
pub mod syncml;

use crate::code_space::{CodeSpace, PublicId};

/// Declares a page and a constant for each of its elements from one table.
macro_rules! code_page {
    ($(#[$doc:meta])* page $number:literal, [$($namespace:literal),+]: $($name:ident = $token:literal $text:literal;)*) => {
        /// The elements of the page, as tokens and names.
        const ELEMENTS: &[(u8, &str)] = &[$(($token, $text)),*];

        $(#[$doc])*
        pub static PAGE: $crate::CodePage =
            $crate::CodePage::new($number, &[$($namespace),+], ELEMENTS);

        $(
            #[doc = concat!("`", $text, "`")]
            pub const $name: $crate::Tag = $crate::Tag::new($number, $token);
        )*
    };
}

use code_page;

/// SyncML 1.2 with MetInf and, on page 2, DM DDF/TNDS: what DM 1.2 peers exchange.
///
/// It reads SyncML 1.0 and 1.1 too: their tokens are a part of 1.2's, and the page answers to their namespaces.
pub static SYNCML_1_2: CodeSpace = CodeSpace::new(
    PublicId::SYNCML_1_2,
    "-//SYNCML//DTD SyncML 1.2//EN",
    &[&syncml::PAGE, &metinf::PAGE, &dmddf::PAGE],
);

/// SyncML 1.1: the elements of 1.2, since devices send those under 1.1 too, in the namespace of 1.1.
pub static SYNCML_1_1: CodeSpace = CodeSpace::new(
    PublicId::SYNCML_1_1,
    "-//SYNCML//DTD SyncML 1.1//EN",
    &[&syncml::PAGE_1_1, &metinf::PAGE, &dmddf::PAGE],
);

/// SyncML 1.0, as 1.1 in its own namespace.
pub static SYNCML_1_0: CodeSpace = CodeSpace::new(
    PublicId::SYNCML_1_0,
    "-//SYNCML//DTD SyncML 1.0//EN",
    &[&syncml::PAGE_1_0, &metinf::PAGE, &dmddf::PAGE],
);

/// DM DDF and TNDS 1.2 as documents of their own: page 2 alone, named in the string table since no number was assigned.
///
/// Documents by the DTD have no namespace; they are read as well as those in `syncml:dmddf1.2`.
pub static DM_DDF_1_2: CodeSpace =
    CodeSpace::new(PublicId::UNKNOWN, "-//OMA//DTD-DM-DDF 1.2//EN", &[&dmddf::DOCUMENT_PAGE]);

/// DevInf 1.2.
pub static DEVINF_1_2: CodeSpace =
    CodeSpace::new(PublicId::DEVINF_1_2, "-//SYNCML//DTD DevInf 1.2//EN", &[&devinf::PAGE]);

/// DevInf 1.1.
pub static DEVINF_1_1: CodeSpace =
    CodeSpace::new(PublicId::DEVINF_1_1, "-//SYNCML//DTD DevInf 1.1//EN", &[&devinf::PAGE_1_1]);

/// DevInf 1.0.
pub static DEVINF_1_0: CodeSpace =
    CodeSpace::new(PublicId::DEVINF_1_0, "-//SYNCML//DTD DevInf 1.0//EN", &[&devinf::PAGE_1_0]);

/// Connectivity provisioning 1.0: `wap-provisioningdoc`, the one space here whose attributes have tokens.
pub static PROV_1_0: CodeSpace = CodeSpace::new(
    PublicId::PROV_1_0,
    "-//WAPFORUM//DTD PROV 1.0//EN",
    &[&provisioning::PAGE, &provisioning::PAGE_1],
)
.with_attributes(&[&provisioning::ATTRIBUTES, &provisioning::ATTRIBUTES_1]);

/// All code spaces this crate knows, the likeliest of those that share elements first.
pub static CODE_SPACES: &[&CodeSpace] =
    &[&DM_DDF_1_2, &SYNCML_1_2, &SYNCML_1_1, &SYNCML_1_0, &DEVINF_1_2, &DEVINF_1_1, &DEVINF_1_0, &PROV_1_0];
