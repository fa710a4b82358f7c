//! A client and a server session against each other, with nothing but std: two threads, one TCP connection, blocking reads.
//!
//! The machines do not care how octets travel. Here each message goes as four octets of length and the body; the fleet example uses HTTP.
#![allow(clippy::print_stdout, reason = "a program that tells its story")]

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use dm_examples::clock::{Clock, entropy};
use dm_syncml::auth::{Credentials, Password};
use dm_syncml::session::{
    Account, ClientConfig, ClientOutput, ClientSession, Incoming, Initiation, ServerConfig, ServerEvent,
    ServerOutput, ServerSession,
};
use dm_syncml::{CmdId, Data, DecodeOptions, Encoding, Format, Get, Item, LocUri, Meta, Replace, SessionId};
use dm_tree::{Acl, DevInfo, Effects, NodeSpec, ServerId, Tree, Value};

type Anything = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Anything> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));
    manage(TcpStream::connect(address)?)?;
    server.join().map_err(|_| "the server panicked")?
}

fn credentials() -> (Credentials, Credentials) {
    (
        Credentials::new("device", Password::new("its secret")),
        Credentials::new("server", Password::new("another")),
    )
}

/// The device: a tree, and a session that executes on it.
fn manage(mut stream: TcpStream) -> Result<(), Anything> {
    let clock = Clock::start();
    let mut tree = Tree::default();
    let info = DevInfo {
        dev_id: "urn:uuid:device-1".into(),
        man: "Example".into(),
        model: "One".into(),
        dm_v: "1.0".into(),
        lang: "en".into(),
    };
    info.install(&mut tree)?;
    tree.insert("./Lamp/Level", NodeSpec::leaf(Value::int(3)).permanent())?;
    tree.set_acl("./Lamp", Acl::parse("Get=*&Replace=com.example.dm")?)?;

    let (device, server) = credentials();
    let config = ClientConfig::new(LocUri::new(info.dev_id)?, LocUri::new("dm.example.com")?)
        .with_md5(device, server)
        .with_dev_info(DevInfo::items(&tree));
    let initiation = Initiation::Client(SessionId::new("1")?);
    let mut session = ClientSession::new(clock.now(), config, initiation, Vec::new());
    let server = ServerId::new("com.example.dm")?;
    loop {
        let now = clock.now();
        match tree.poll_session(now, &mut session, &server, &mut (), &mut Effects::default()) {
            ClientOutput::Send(_, message) => {
                send(&mut stream, &message.body)?;
                let answer = receive(&mut stream)?;
                let answer = Incoming::decode(Encoding::Wbxml, &answer, &DecodeOptions::new())?;
                session.handle_message(clock.now(), &answer, entropy())?;
            }
            ClientOutput::Persist(seq, _) => session.handle_persisted(now, seq),
            ClientOutput::Event(event) => println!("device: {event:?}"),
            ClientOutput::Closed(end) => {
                println!(
                    "device: {end:?}, the lamp is at {:?}",
                    tree.node("./Lamp/Level").and_then(|node| node.value())
                );
                return Ok(());
            }
            _ => return Err("the session waits for nothing".into()),
        }
    }
}

/// The server: turns the lamp up and reads it back.
fn serve(listener: &TcpListener) -> Result<(), Anything> {
    let clock = Clock::start();
    let (mut stream, _) = listener.accept()?;
    let (device, server) = credentials();
    let config = ServerConfig::new(LocUri::new("dm.example.com")?);
    let mut session = ServerSession::new(clock.now(), config, Some(Account::md5(device, server)));
    while !session.is_over() {
        let request = receive(&mut stream)?;
        let request = Incoming::decode(Encoding::Wbxml, &request, &DecodeOptions::new())?;
        session.handle_message(clock.now(), &request, entropy())?;
        loop {
            match session.poll_output() {
                ServerOutput::Event(ServerEvent::Started(_)) => {
                    let lamp = LocUri::new("./Lamp/Level")?;
                    let set = Item::to(lamp.clone())
                        .with_meta(Meta::new().with_format(Format::INT))
                        .with_data(Data::text("7")?);
                    // The session gives commands their ids when it sends them.
                    session.queue(Replace::new(CmdId::new("1")?, vec![set]))?;
                    session.queue(Get::new(CmdId::new("1")?, vec![Item::to(lamp)]))?;
                }
                ServerOutput::Event(ServerEvent::Answered(_, answer)) => {
                    let found: Vec<_> =
                        answer.items().filter_map(|item| item.data.as_ref()?.as_text()).collect();
                    println!("server: {:?} {found:?}", answer.code());
                }
                ServerOutput::Event(event) => println!("server: {event:?}"),
                ServerOutput::Persist(seq, _) => session.handle_persisted(clock.now(), seq),
                ServerOutput::Reply(message) => send(&mut stream, &message.body)?,
                _ => break,
            }
        }
    }
    Ok(())
}

fn send(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    stream.write_all(&(body.len() as u32).to_be_bytes())?;
    stream.write_all(body)
}

fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    // A length is a peer's word like any other.
    if length > 1 << 20 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is larger than a megabyte"));
    }
    let mut body = Vec::new();
    stream.take(length.into()).read_to_end(&mut body)?;
    Ok(body)
}
