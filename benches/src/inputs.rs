//! Representative DM messages, made the same way every time, in XML and in WBXML.
//!
//! Three profiles: a server's commands, a device's answers, and one large value. The generator is kept apart from
//! the codec it measures: it writes both encodings itself, so a change of the codec never changes its inputs, and
//! what the codec reads here it has not written.

mod document;
mod random;

use base64ct::{Base64, Encoding};
use document::{Document, Tag};
use random::Random;

/// What a generated message looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// Server to device: Replace, Add, Get, Exec and Atomic in the mix a configuration session has.
    Cmds,
    /// Device to server: Status and Results in about equal parts.
    Results,
    /// One Replace with one large base64 value.
    Blob,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Cmds, Self::Results, Self::Blob];

    /// The name used in file names and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cmds => "cmds",
            Self::Results => "results",
            Self::Blob => "blob",
        }
    }
}

/// The sizes a message comes in, by its length as XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Size {
    /// 1 KiB of XML: what most sessions exchange.
    K1,
    /// 10 KiB of XML: about a default `MaxMsgSize`.
    K10,
    /// 100 KiB of XML.
    K100,
    /// 1 MiB of XML: shows anything that is not linear.
    M1,
}

impl Size {
    /// Every size, smallest first.
    pub const ALL: [Self; 4] = [Self::K1, Self::K10, Self::K100, Self::M1];

    /// The name used in file names and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::K1 => "1k",
            Self::K10 => "10k",
            Self::K100 => "100k",
            Self::M1 => "1m",
        }
    }

    /// Bytes of XML aimed at.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::K1 => 1 << 10,
            Self::K10 => 10 << 10,
            Self::K100 => 100 << 10,
            Self::M1 => 1 << 20,
        }
    }
}

/// One generated message in both encodings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Input {
    /// Profile and size, such as `cmds_10k`.
    pub name: String,
    /// The message as compact XML.
    pub xml: String,
    /// The same message as WBXML with an empty string table.
    pub wbxml: Vec<u8>,
    /// Command elements in it, members of an Atomic and the Atomic itself included.
    pub commands: usize,
}

/// Makes the message of one profile and size. The same arguments always give the same bytes.
///
/// ```
/// use dm_benches::inputs::{Profile, Size, generate};
///
/// let input = generate(Profile::Cmds, Size::K1);
/// assert_eq!(input.name, "cmds_1k");
/// assert!(input.xml.starts_with("<SyncML xmlns=\"SYNCML:SYNCML1.2\"><SyncHdr>"));
/// assert_eq!(input.commands, input.xml.matches("<CmdID>").count());
/// ```
#[must_use]
pub fn generate(profile: Profile, size: Size) -> Input {
    let name = format!("{}_{}", profile.name(), size.name());
    let mut writer = Writer { doc: Document::new(), random: Random::from_name(&name), cmd_id: 0 };
    match profile {
        Profile::Cmds => writer.cmds(size.bytes()),
        Profile::Results => writer.results(size.bytes()),
        Profile::Blob => writer.blob(size.bytes()),
    }
    let commands = writer.cmd_id;
    let (xml, wbxml) = writer.doc.finish();
    Input { name, xml, wbxml, commands }
}

const SERVER: &str = "https://dm.example.com/mgmt-server";
const DEVICE: &str = "IMEI:493005100592800";

/// What the largest single command and the closing tags need; messages stop growing this far before their size.
const LAST_COMMAND: usize = 160;

const ROOTS: [(&str, &str); 6] = [
    ("./Device/Vendor/MSFT/Policy/Config/", "/"),
    ("./DMAcc/", "/AppAuth/"),
    ("./Software/Operator/Managed/", "/"),
    ("./DevDetail/Ext/", "/"),
    ("./Gateway/Device/", "/Config/"),
    ("./DCMO/", "/Enabled/"),
];
const AREAS: [&str; 11] = [
    "Update",
    "WiFi",
    "Bluetooth",
    "Camera",
    "Connectivity",
    "Security",
    "Browser",
    "DeviceLock",
    "Start",
    "Privacy",
    "Experience",
];
const SETTINGS: [&str; 11] = [
    "AllowAutoUpdate",
    "MaxRetries",
    "DeferPeriodInDays",
    "ServerURL",
    "AllowBroadcasting",
    "MinPasswordLength",
    "Name",
    "Timeout",
    "APN",
    "Version",
    "State",
];

/// Which way a message goes.
#[derive(Clone, Copy, PartialEq)]
enum From {
    Server,
    Device,
}

struct Writer {
    doc: Document,
    random: Random,
    cmd_id: usize,
}

impl Writer {
    fn cmds(&mut self, size: usize) {
        self.header(From::Server);
        self.status("0", "SyncHdr", SERVER, Some(DEVICE), "212");
        // The smallest message has room for little more, and a session without a Replace would be unusual.
        self.write(Tag::Replace);
        while self.doc.xml_len() + LAST_COMMAND < size {
            match self.random.below(100) {
                0..45 => self.write(Tag::Replace),
                45..60 => self.write(Tag::Add),
                60..88 => self.get(),
                88..94 => self.exec(),
                _ => self.atomic(),
            }
        }
        self.footer();
    }

    fn results(&mut self, size: usize) {
        self.header(From::Device);
        self.command(Tag::Alert);
        self.doc.text(Tag::Data, "1201");
        self.doc.close();
        let mut cmd_ref = 0;
        while self.doc.xml_len() + LAST_COMMAND < size {
            cmd_ref += 1;
            if self.random.below(10) < 6 {
                let target = self.loc_uri();
                let code = *self.random.pick(&["200", "200", "200", "404", "405", "418", "425"]);
                self.status(&cmd_ref.to_string(), "Replace", &target, None, code);
            } else {
                self.result(&cmd_ref.to_string());
            }
        }
        self.footer();
    }

    fn blob(&mut self, size: usize) {
        self.header(From::Server);
        self.command(Tag::Replace);
        self.doc.open(Tag::Item);
        self.loc(Tag::Target, "./FUMO/Pkg/Update/PkgData", None);
        self.meta("b64", "application/octet-stream");
        // What is left of the size after the closing tags, in whole base64 groups.
        let room = size.saturating_sub(
            self.doc.xml_len() + "<Data></Data></Item></Replace><Final/></SyncBody></SyncML>".len(),
        );
        let value = self.octets((room / 4 * 3).max(48));
        self.doc.octets(Tag::Data, &Base64::encode_string(&value));
        self.doc.close();
        self.doc.close();
        self.footer();
    }

    fn header(&mut self, from: From) {
        let (target, source) = if from == From::Server { (DEVICE, SERVER) } else { (SERVER, DEVICE) };
        let doc = &mut self.doc;
        doc.open(Tag::SyncML);
        doc.open(Tag::SyncHdr);
        doc.text(Tag::VerDTD, "1.2");
        doc.text(Tag::VerProto, "DM/1.2");
        doc.text(Tag::SessionID, "1A2B");
        doc.text(Tag::MsgID, "2");
        self.loc(Tag::Target, target, None);
        self.loc(Tag::Source, source, Some("device-0042"));
        self.doc.open(Tag::Cred);
        self.meta("b64", "syncml:auth-md5");
        self.doc.text(Tag::Data, "Zz6EivR3yeaaENcRN6lpAQ==");
        self.doc.close();
        self.doc.open(Tag::Meta);
        self.doc.text(Tag::MaxMsgSize, "65536");
        self.doc.text(Tag::MaxObjSize, "4194304");
        self.doc.close();
        self.doc.close();
        self.doc.open(Tag::SyncBody);
    }

    fn footer(&mut self) {
        self.doc.empty(Tag::Final);
        self.doc.close();
        self.doc.close();
    }

    /// Opens a command and gives it the next id.
    fn command(&mut self, tag: Tag) {
        self.cmd_id += 1;
        self.doc.open(tag);
        self.doc.text(Tag::CmdID, &self.cmd_id.to_string());
    }

    /// Replace or Add of one leaf.
    fn write(&mut self, tag: Tag) {
        self.command(tag);
        self.doc.open(Tag::Item);
        let target = self.loc_uri();
        self.loc(Tag::Target, &target, None);
        let (format, value) = self.value();
        self.meta(format, "text/plain");
        self.doc.octets(Tag::Data, &value);
        self.doc.close();
        self.doc.close();
    }

    fn get(&mut self) {
        self.command(Tag::Get);
        self.doc.open(Tag::Item);
        let target = self.loc_uri();
        self.loc(Tag::Target, &target, None);
        self.doc.close();
        self.doc.close();
    }

    fn exec(&mut self) {
        self.command(Tag::Exec);
        self.doc.open(Tag::Item);
        let target = self.loc_uri();
        self.loc(Tag::Target, &target, None);
        self.meta("chr", "text/plain");
        self.doc.text(Tag::Data, "install");
        self.doc.close();
        self.doc.close();
    }

    fn atomic(&mut self) {
        self.command(Tag::Atomic);
        for _ in 0..4 {
            self.write(Tag::Replace);
        }
        self.doc.close();
    }

    fn status(&mut self, cmd_ref: &str, cmd: &str, target: &str, source: Option<&str>, code: &str) {
        self.command(Tag::Status);
        self.doc.text(Tag::MsgRef, "1");
        self.doc.text(Tag::CmdRef, cmd_ref);
        self.doc.text(Tag::Cmd, cmd);
        self.doc.text(Tag::TargetRef, target);
        if let Some(source) = source {
            self.doc.text(Tag::SourceRef, source);
        }
        self.doc.text(Tag::Data, code);
        self.doc.close();
    }

    fn result(&mut self, cmd_ref: &str) {
        self.command(Tag::Results);
        self.doc.text(Tag::MsgRef, "1");
        self.doc.text(Tag::CmdRef, cmd_ref);
        self.doc.open(Tag::Item);
        let source = self.loc_uri();
        self.loc(Tag::Source, &source, None);
        let (format, value) = self.value();
        self.meta(format, "text/plain");
        self.doc.text(Tag::Data, &value);
        self.doc.close();
        self.doc.close();
    }

    fn loc(&mut self, tag: Tag, uri: &str, name: Option<&str>) {
        self.doc.open(tag);
        self.doc.text(Tag::LocURI, uri);
        if let Some(name) = name {
            self.doc.text(Tag::LocName, name);
        }
        self.doc.close();
    }

    fn meta(&mut self, format: &str, kind: &str) {
        self.doc.open(Tag::Meta);
        self.doc.text(Tag::Format, format);
        self.doc.text(Tag::Type, kind);
        self.doc.close();
    }

    fn loc_uri(&mut self) -> String {
        let (root, middle) = *self.random.pick(&ROOTS);
        let area = *self.random.pick(&AREAS);
        let setting = *self.random.pick(&SETTINGS);
        format!("{root}{area}{middle}{setting}")
    }

    /// Format and text of a leaf value: numbers, switches, text with what has to be escaped, some base64.
    fn value(&mut self) -> (&'static str, String) {
        match self.random.below(100) {
            0..35 => ("int", self.random.below(100_000).to_string()),
            35..50 => ("bool", (*self.random.pick(&["true", "false"])).to_owned()),
            50..90 => ("chr", self.sentence()),
            _ => {
                let len = 24 + self.random.below(72);
                ("b64", Base64::encode_string(&self.octets(len)))
            }
        }
    }

    fn sentence(&mut self) -> String {
        match self.random.below(5) {
            0 => "https://dm.example.com/server?a=1&b=2".to_owned(),
            1 => format!("com.example.profile.{}", self.random.below(1000)),
            2 => "Grüße aus München".to_owned(),
            3 => "The quick brown fox jumps over the lazy dog".to_owned(),
            _ => format!("10.0.{}.{}", self.random.below(256), self.random.below(256)),
        }
    }

    fn octets(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.random.octet()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_close_to_what_their_names_say() {
        for profile in Profile::ALL {
            for size in Size::ALL {
                let input = generate(profile, size);
                let off = input.xml.len().abs_diff(size.bytes());
                // An Atomic of four members is the largest step.
                assert!(off < 1400, "{}: {} bytes", input.name, input.xml.len());
                assert!(input.wbxml.len() < input.xml.len());
            }
        }
    }

    #[test]
    fn commands_are_counted() {
        for profile in Profile::ALL {
            for size in Size::ALL {
                let input = generate(profile, size);
                assert_eq!(input.commands, input.xml.matches("<CmdID>").count(), "{}", input.name);
            }
        }
    }

    #[test]
    fn equal_arguments_give_equal_bytes() {
        for profile in Profile::ALL {
            let (a, b) = (generate(profile, Size::K10), generate(profile, Size::K10));
            assert_eq!(a.xml, b.xml);
            assert_eq!(a.wbxml, b.wbxml);
        }
    }

    /// Numbers of different days compare only while the inputs stay what they were.
    #[test]
    fn inputs_do_not_drift() {
        let fnv = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
        };
        let seen: Vec<(String, u64, u64)> = Profile::ALL
            .into_iter()
            .map(|profile| generate(profile, Size::K10))
            .map(|input| (input.name, fnv(input.xml.as_bytes()), fnv(&input.wbxml)))
            .collect();
        let pinned = [
            ("cmds_10k", 0xe18e_40f6_1cd5_c0db, 0x8db2_8ebc_7ebd_7382),
            ("results_10k", 0x382e_8733_b203_0908, 0x244a_fcbb_804a_9f7a),
            ("blob_10k", 0xb612_e1dc_f8a2_0bd2, 0xaa7b_b179_33b2_7cbc),
        ]
        .map(|(name, xml, wbxml): (&str, u64, u64)| (name.to_owned(), xml, wbxml));
        assert_eq!(seen, pinned);
    }
}
