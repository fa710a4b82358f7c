//! Pages of a result in both encodings: nothing panics, and what reads writes what reads the same.

use dm_syncml::Encoding;
use gwmo_model::ResultPage;

pub(crate) fn run(data: &[u8]) {
    for encoding in [Encoding::Xml, Encoding::Wbxml] {
        if let Ok(page) = ResultPage::decode(data, encoding) {
            for other in [Encoding::Xml, Encoding::Wbxml] {
                let octets = page.encode(other);
                assert_eq!(ResultPage::decode(&octets, other).as_ref(), Ok(&page), "{other:?}");
            }
        }
    }
}
