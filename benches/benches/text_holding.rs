//! How a decoded message should hold its text: borrowed from the input, or as shared slices of one buffer.
//!
//! The numbers of `docs/decisions/0001` come from here:
//!
//! ```text
//! cargo bench -p dm-benches --bench text_holding            # the generated inputs
//! cargo bench -p dm-benches --bench text_holding -- A.wbxml # documents of your own
//! ```
//!
//! Not criterion: both ways run in one process, turn and turn about, on CPU time, so that their ratio is worth
//! something on a busy machine. The ratios are to `borrowed: decode, drop` of the same document.

use core::error::Error;
use core::hint::black_box;
use core::time::Duration;
use std::io;
use std::path::Path;

use bytes::Bytes;
use dm_benches::clock::{Plan, interleaved};
use dm_benches::floors::byte_loop;
use dm_benches::inputs::{Profile, Size, generate};
use dm_benches::text_prototypes::{Borrowed, Command, Header, Holding, Item, Message, Shared, decode};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // Cargo passes `--bench` when measuring is wanted; `-- --test` and `cargo test` only want to see it work.
    let measure = args.iter().any(|arg| arg == "--bench") && !args.iter().any(|arg| arg == "--test");
    let plan = if measure {
        Plan::new(15, Duration::from_millis(20))
    } else {
        Plan::new(1, Duration::from_nanos(1))
    };

    let mut inputs = Vec::new();
    for path in
        args.iter().filter(|arg| Path::new(arg).extension().is_some_and(|extension| extension == "wbxml"))
    {
        inputs.push((path.rsplit('/').next().unwrap_or(path).to_owned(), std::fs::read(path)?));
    }
    if inputs.is_empty() {
        for profile in Profile::ALL {
            for size in [Size::K1, Size::K10, Size::K100] {
                let input = generate(profile, size);
                assert_eq!(decode(&Borrowed(&input.wbxml))?.commands(), input.commands);
                inputs.push((input.name, input.wbxml));
            }
        }
    }

    // One run of each says whether it works and nothing about how fast it is.
    let mut out: Box<dyn io::Write> =
        if measure { Box::new(io::stdout().lock()) } else { Box::new(io::sink()) };
    sizes(&mut out)?;
    for (name, wbxml) in &inputs {
        run(&mut out, plan, name, wbxml)?;
    }
    Ok(())
}

fn sizes(out: &mut impl io::Write) -> io::Result<()> {
    fn row<H: Holding>(out: &mut impl io::Write, name: &str) -> io::Result<()> {
        writeln!(
            out,
            "{name:<10} {:>6} {:>8} {:>8} {:>8} {:>8}",
            size_of::<H::Text>(),
            size_of::<Item<H>>(),
            size_of::<Command<H>>(),
            size_of::<Header<H>>(),
            size_of::<Message<H>>()
        )
    }
    writeln!(out, "octets       text     item  command   header  message")?;
    row::<Borrowed<'_>>(out, "borrowed")?;
    row::<Shared>(out, "shared")?;
    writeln!(out)
}

fn run(out: &mut impl io::Write, plan: Plan, name: &str, wbxml: &[u8]) -> Result<(), Box<dyn Error>> {
    let buffer = Shared(Bytes::copy_from_slice(wbxml));
    let borrowed = decode(&Borrowed(wbxml))?;
    let shared = decode(&buffer)?;
    let owned = borrowed.clone().into_owned();
    assert_eq!(borrowed.read(), shared.read());
    assert_eq!(borrowed.read(), owned.read());
    let largest = |message: &Message<Borrowed<'_>>| message.body.len() / 2;
    let (one, one_owned, one_shared) = (
        &borrowed.body[largest(&borrowed)],
        &owned.body[largest(&borrowed)],
        &shared.body[largest(&borrowed)],
    );

    // The second row is what the others are compared to.
    let names = [
        "byte loop",
        "borrowed: decode, drop",
        "shared:   decode, drop",
        "borrowed: to a message that can be kept and sent",
        "shared:   to a message that can be kept and sent",
        "shared:   the same from a slice, copied first",
        "borrowed: look at all text once",
        "shared:   look at all text once",
        "borrowed: clone one command",
        "owned:    clone one command",
        "shared:   clone one command",
    ];
    let spreads = interleaved(
        plan,
        &mut [
            &mut || {
                black_box(byte_loop(black_box(wbxml)));
            },
            &mut || drop(black_box(decode(&Borrowed(black_box(wbxml))))),
            &mut || drop(black_box(decode(black_box(&buffer)))),
            &mut || drop(black_box(kept(decode(&Borrowed(black_box(wbxml))).map(Message::into_owned)))),
            &mut || drop(black_box(kept(decode(black_box(&buffer))))),
            &mut || drop(black_box(kept(decode(&Shared(Bytes::copy_from_slice(black_box(wbxml))))))),
            &mut || {
                black_box(black_box(&borrowed).read());
            },
            &mut || {
                black_box(black_box(&shared).read());
            },
            &mut || drop(black_box(black_box(one).clone())),
            &mut || drop(black_box(black_box(one_owned).clone())),
            &mut || drop(black_box(black_box(one_shared).clone())),
        ],
    );
    let base = spreads[1].median;
    writeln!(out, "{name}, {} octets of WBXML, {} commands", wbxml.len(), borrowed.commands())?;
    for (name, spread) in names.iter().zip(&spreads) {
        let (ratio, min, max) = (spread.median / base, spread.min / base, spread.max / base);
        writeln!(out, "  {name:<50} {:>11.1} ns {ratio:>8.3} ({min:.3} to {max:.3})", spread.median)?;
    }
    writeln!(out)?;
    Ok(())
}

/// Whatever passes here may be queued, stored and sent to another thread.
fn kept<T: Send + 'static>(message: T) -> T {
    message
}
