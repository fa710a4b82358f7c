//! WBXML 1.1 to 1.3 (WAP-192): a reader that borrows from its input, a writer into any buffer.

mod cursor;
mod header;
mod listing;
mod options;
mod reader;
mod repeats;
mod string_table;
mod table_writer;
mod token;
mod writer;

pub use header::{Charset, DocumentId, Header, Version};
pub use listing::{Line, Listing, Token};
pub use options::Options;
pub use reader::Reader;
pub use string_table::StringTable;
pub use table_writer::TableWriter;
pub use writer::{Size, Writer};
