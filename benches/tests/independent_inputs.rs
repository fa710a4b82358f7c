//! The generator knows nothing of our codec, so each checks the other: both encodings of every input have to come
//! out as the generator wrote them, from either one.

use dm_benches::inputs::{Profile, Size, generate};
use dm_benches::messages::count_commands;
use dm_syncml::{DecodeOptions, Encoding, Message};

#[test]
fn messages_come_out_as_the_generator_wrote_them() {
    for profile in Profile::ALL {
        for size in Size::ALL {
            let input = generate(profile, size);
            let options = DecodeOptions::new();
            let from_wbxml = Message::decode(Encoding::Wbxml, &input.wbxml, &options).unwrap();
            let from_xml = Message::decode(Encoding::Xml, input.xml.as_bytes(), &options).unwrap();
            assert_eq!(count_commands(&from_wbxml), input.commands, "{}", input.name);
            assert_eq!(count_commands(&from_xml), input.commands, "{}", input.name);
            assert!(from_wbxml.encode(Encoding::Wbxml) == input.wbxml, "{} as WBXML", input.name);
            assert!(
                from_wbxml.encode(Encoding::Xml) == input.xml.as_bytes(),
                "{} from WBXML to XML",
                input.name
            );
            assert!(from_xml.encode(Encoding::Xml) == input.xml.as_bytes(), "{} as XML", input.name);
        }
    }
}
