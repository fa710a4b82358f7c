//! The code spaces this crate knows, as data.

pub mod dmddf;
pub mod metinf;
pub mod syncml;

use crate::code_space::{CodeSpace, PublicId};

/// Declares a page and a constant for each of its elements from one table.
macro_rules! code_page {
    ($(#[$doc:meta])* page $number:literal, [$($namespace:literal),+]: $($name:ident = $token:literal $text:literal;)*) => {
        $(#[$doc])*
        pub static PAGE: $crate::CodePage =
            $crate::CodePage::new($number, &[$($namespace),+], &[$(($token, $text)),*]);

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
