//! The result of a job as a document: pages, groups and their size.

use core::time::Duration;

use dm_syncml::{Encoding, Instant, StatusCode};
use dm_tree::ServerId;
use gwmo_model::{
    Answer, Detail, Fanout, FanoutLimits, FanoutOutput, Grouping, JobKey, JobNo, JobSpec, Op, Policy,
    ResultCode, ResultOptions, ResultPage, Serial, TargetState, Trace,
};
use proptest::prelude::*;

fn serial(number: u32) -> Serial {
    Serial::new(number).unwrap()
}

/// A job whose devices answer as told, by their number.
fn job(
    devices: impl Iterator<Item = u32>,
    answer: impl Fn(u32) -> Option<(u16, Vec<u8>)>,
) -> (Fanout, JobNo) {
    let limits =
        FanoutLimits::default().with_max_targets(2_000_000).with_window(5000).with_max_stored(u64::MAX);
    let mut fanout = Fanout::new(limits.with_audit(false));
    let policy = Policy::default().with_window(5000).with_job_time(Duration::from_secs(1_000_000_000));
    let trace = Trace::default().through(ServerId::new("upper.gateway").unwrap());
    let spec = JobSpec::new(
        ServerId::new("dms").unwrap(),
        JobKey::new("J<1>").unwrap(),
        devices.map(serial),
        [Op::get(), Op::replace()],
    );
    let mut now = Instant::EPOCH;
    let job = fanout.handle_add(now, spec.with_policy(policy).with_trace(trace)).unwrap();
    fanout.handle_start(now, job).unwrap();
    loop {
        match fanout.poll_output() {
            FanoutOutput::Persist(seq, _) => fanout.handle_persisted(now, seq),
            FanoutOutput::Notify { ticket } if answer(ticket.serial.get()).is_some() => {
                fanout.handle_session_opened(now, ticket.serial);
            }
            FanoutOutput::Deliver { ticket, .. } => {
                let (code, data) = answer(ticket.serial.get()).unwrap();
                let status = StatusCode::new(code);
                let returned = Answer::new(status).with_format("chr").with_media_type("text/plain");
                fanout.handle_answer(now, ticket, 0, returned.with_data(&data));
                fanout.handle_answer(now, ticket, 1, Answer::new(status));
            }
            FanoutOutput::Wait(Some(at)) => {
                now = at;
                fanout.handle_tick(now);
            }
            FanoutOutput::Wait(None) => return (fanout, job),
            _ => {}
        }
    }
}

#[cfg(feature = "xml")]
const ENCODINGS: &[Encoding] = &[Encoding::Wbxml, Encoding::Xml];
#[cfg(not(feature = "xml"))]
const ENCODINGS: &[Encoding] = &[Encoding::Wbxml];

/// I9: every page is short enough and reads back as it was, and all of them name every target once.
fn check(fanout: &Fanout, job: JobNo, options: &ResultOptions) -> Vec<ResultPage> {
    let view = fanout.job(job).unwrap();
    let pages = view.result_pages(options);
    let mut seen: Vec<u32> = Vec::new();
    let mut all = Vec::new();
    for index in 0..pages.len() {
        let octets = pages.encode(index).unwrap();
        assert!(octets.len() <= options.max_page.max(ResultOptions::MIN_PAGE), "{} octets", octets.len());
        let page = ResultPage::decode(&octets, options.encoding).unwrap();
        assert_eq!(Some(&page), pages.page(index).as_ref());
        assert_eq!((page.page as usize, page.of as usize), (index + 1, pages.len()));
        assert_eq!(page.counters, (index == 0).then(|| view.counters()));
        for bucket in &page.buckets {
            for range in &bucket.serials {
                seen.extend(range.first.get()..=range.last.get());
            }
        }
        seen.extend(page.devices.iter().map(|device| device.serial.get()));
        all.push(page);
    }
    assert!(pages.encode(pages.len()).is_none());
    if options.detail >= Detail::Status {
        seen.sort_unstable();
        assert!(seen.into_iter().eq(view.records(..).map(|record| record.serial().get())));
    }
    all
}

#[test]
fn gwmo_fora_002_a_hundred_devices_in_three_entries() {
    let (fanout, job) = job(1..=100, |number| match number {
        50 => None,
        20 | 21 => Some((404, Vec::new())),
        _ => Some((200, b"2.1.0".to_vec())),
    });
    for &encoding in ENCODINGS {
        let options = ResultOptions::default()
            .with_gateway(ServerId::new("gw").unwrap())
            .with_grouping(Grouping::Strict)
            .with_detail(Detail::Data)
            .with_encoding(encoding);
        let pages = check(&fanout, job, &options);
        let [page] = &pages[..] else { panic!("one page") };
        assert_eq!(page.code, Some(ResultCode::NOT_ALL_OK));
        assert_eq!(page.trace.len(), 1);
        let [most, few] = &page.buckets[..] else { panic!("{:?}", page.buckets) };
        assert_eq!((most.state, most.code), (TargetState::Ok, Some(ResultCode::OK)));
        assert_eq!(most.ops[0].data.as_deref(), Some(&b"2.1.0"[..]));
        assert_eq!((few.state, few.serials.len()), (TargetState::Failed, 1));
        let [one] = &page.devices[..] else { panic!("{:?}", page.devices) };
        assert_eq!(
            (one.serial, one.state, one.code),
            (serial(50), TargetState::Unreachable, Some(ResultCode::NOT_ANSWERED))
        );
        assert_eq!(page.count(), 100);
        let failures = check(&fanout, job, &options.clone().with_detail(Detail::NotOk));
        assert_eq!(failures[0].count(), 3);
        let counters = check(&fanout, job, &options.clone().with_detail(Detail::Counters));
        assert_eq!(counters[0].count(), 0);
        let loose = check(&fanout, job, &options.with_grouping(Grouping::Loose));
        assert_eq!(loose[0].buckets[1].code, Some(ResultCode::new(400)));
    }
}

#[test]
fn ten_thousand_devices_take_what_their_outcomes_take() {
    let (fanout, job) = job(1..=10_000, |number| Some((if number % 2 == 0 { 200 } else { 404 }, Vec::new())));
    for &encoding in ENCODINGS {
        let options = ResultOptions::default().with_encoding(encoding).with_grouping(Grouping::Strict);
        let octets = |options: &ResultOptions| -> usize {
            let view = fanout.job(job).unwrap();
            let pages = view.result_pages(options);
            (0..pages.len()).map(|index| pages.encode(index).unwrap().len()).sum()
        };
        check(&fanout, job, &options);
        // Every other serial: the worst there is.
        assert!(octets(&options) <= 60_000, "{}", octets(&options));
        let each = options.with_grouping(Grouping::PerDevice).with_max_page(8192);
        assert!(check(&fanout, job, &each).len() > 1);
    }
}

/// The size law: a million devices that answered alike are one entry. Not optimised, a tenth of them takes as long.
#[test]
fn a_million_alike_are_one_entry() {
    let devices = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
    let (fanout, job) = job(1..=devices, |_| Some((200, b"2.1.0".to_vec())));
    let options = ResultOptions::default().with_grouping(Grouping::Strict).with_detail(Detail::Data);
    let view = fanout.job(job).unwrap();
    for &encoding in ENCODINGS {
        let pages = view.result_pages(&options.clone().with_encoding(encoding));
        assert_eq!(pages.len(), 1);
        let octets = pages.encode(0).unwrap();
        assert!(octets.len() < 1000, "{}", octets.len());
        assert_eq!(ResultPage::decode(&octets, encoding).unwrap().count(), u64::from(devices));
    }
}

#[test]
fn data_that_do_not_fit_are_cut_and_say_so() {
    let (fanout, job) = job(1..=3, |number| Some((200, vec![b'0' + number as u8; 4000])));
    let options = ResultOptions::default().with_detail(Detail::Data).with_max_page(8192);
    let pages = check(&fanout, job, &options);
    for device in pages.iter().flat_map(|page| &page.devices) {
        assert_eq!((device.ops[0].data.as_ref(), device.ops[0].cut), (None, Some(4000)));
    }
}

#[cfg(feature = "xml")]
#[test]
fn what_is_no_result_is_refused() {
    use gwmo_model::ResultDocumentErrorKind;

    let kind = |text: &str| ResultPage::decode(text.as_bytes(), Encoding::Xml).unwrap_err().kind().clone();
    let root =
        |inner: &str| format!("<FanoutResult xmlns=\"urn:oma:mo:x-gwmo-fanout:1.0\">{inner}</FanoutResult>");
    assert_eq!(kind("<Other/>"), ResultDocumentErrorKind::NotAResult);
    assert_eq!(kind(&root("<Ver>2</Ver>")), ResultDocumentErrorKind::UnknownVersion);
    assert_eq!(kind(&root("<Ver>1</Ver>")), ResultDocumentErrorKind::Missing("Job"));
    assert_eq!(
        kind(&root("<Ver>1</Ver><Bucket><State>10</State><Ids>4-3</Ids></Bucket>")),
        ResultDocumentErrorKind::BadValue("Ids")
    );
    assert_eq!(kind(&root("<Dev><Id>0</Id></Dev>")), ResultDocumentErrorKind::BadValue("Id"));
    assert!(matches!(kind("no document"), ResultDocumentErrorKind::Document(_)));
    assert!(ResultPage::decode(&[], Encoding::Wbxml).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_the_records(
        devices in prop::collection::btree_set(1..5000u32, 0..400),
        codes in prop::collection::vec(prop_oneof![Just(0u16), Just(200), Just(404), Just(425), Just(500)], 1..9),
        data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..9),
        grouping in 0..3u8,
        detail in 0..4u8,
        xml in any::<bool>(),
        max_page in 0..20_000usize,
    ) {
        let (fanout, job) = job(devices.into_iter(), |number| {
            let number = number as usize;
            let code = codes[number % codes.len()];
            (code != 0).then(|| (code, data[number % data.len()].clone()))
        });
        let options = ResultOptions::default()
            .with_grouping(Grouping::from_number(grouping).unwrap())
            .with_detail(Detail::from_number(detail).unwrap())
            .with_encoding(ENCODINGS[usize::from(xml) % ENCODINGS.len()])
            .with_max_page(max_page);
        check(&fanout, job, &options);
    }
}
