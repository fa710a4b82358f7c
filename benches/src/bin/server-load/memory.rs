//! What a device costs in memory: known, in session, and connected.

use dm_examples::http_client::HttpClient;
use dm_examples::tls::Trust;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::Bench;
use super::servers::Server;
use super::{Arguments, Failure};

const DEVICES: [u32; 4] = [1, 100, 1_000, 10_000];
/// Sockets there may be: two for each connection, in two processes.
const CONNECTIONS: u32 = 10_000;

pub(super) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.folder()?;
    let empty = Server::dm(&folder.path().join("empty"))?.resident()?;
    if !arguments.json {
        println!(
            "\n   devices | octets a device, on top of each other: known  in session  a connection | resident, MiB"
        );
    }
    for count in DEVICES {
        let state = folder.path().join(count.to_string());
        let mut devices = Server::dm(&state)?.add(count).await?;
        // Started again, it has what it read, and nothing of how that came to be.
        let server = Server::dm(&state)?;
        let known = server.resident()?;
        let mut bench = Bench::new(HttpClient::new(&Trust::Nothing)?, "com.example.dms")?;
        for device in &mut devices {
            device.half_a_session(&mut bench, &server.devices).await?;
        }
        let in_session = server.resident()?;
        let mut connections = Vec::new();
        for _ in 0..count.min(CONNECTIONS) {
            connections.push(connect(server.operator()).await?);
        }
        let connected = server.resident()?;
        let each = |more: f64, less: f64| (more - less).max(0.0) / f64::from(count);
        let (known_each, session_each) = (each(known, empty), each(in_session, known));
        let connection_each = each(connected, in_session);
        if arguments.json {
            let line = json!({
                "devices": count, "octets_known": known_each, "octets_in_session": session_each,
                "octets_connection": connection_each, "resident": connected, "resident_empty": empty,
            });
            println!("{line}");
        } else {
            let mib = connected / f64::from(1 << 20);
            println!(
                "{count:>10} | {known_each:>46.0} {session_each:>11.0} {connection_each:>13.0} | {mib:>13.1}"
            );
        }
    }
    Ok(())
}

/// A connection that has had one request, and stays.
async fn connect(address: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = [0; 1024];
    if stream.read(&mut answer).await? == 0 {
        return Err("a connection was closed".into());
    }
    Ok(stream)
}
