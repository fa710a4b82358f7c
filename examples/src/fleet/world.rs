//! Who is there, and how they are wired: every program behind a tap.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use dm_syncml::Encoding;
use serde_json::Value;
use tempfile::TempDir;

use super::actor::{Actor, Make};
use super::cast::Role;
use super::datagram_tap::{DatagramTap, Speech};
use super::desk::Desk;
use super::launcher::{Daemon, Kind, Launcher, quoted};
use super::recorder::Recorder;
use super::tap::{Encryption, Tap};
use super::{Options, Outcome, Progress};
use crate::tls::Identity;

/// The servers, by what devices and gateways know of them.
pub(super) const SERVER_ID: &str = "com.example.dms";
pub(super) const SECOND_SERVER_ID: &str = "com.example.second-dms";
/// The gateways, by what devices know of them, and by what servers do.
pub(super) const GATEWAY_ID: &str = "com.example.gateway";
pub(super) const SECOND_GATEWAY_ID: &str = "com.example.second-gateway";
pub(super) const GATEWAY: &str = "urn:uuid:gateway";
pub(super) const SECOND_GATEWAY: &str = "urn:uuid:second-gateway";

/// Shows how far the story is.
pub(super) type Show = Arc<dyn Fn(Progress) + Send + Sync>;

/// Taps and folders, and nobody there yet.
pub(super) struct Wiring {
    pub(super) options: Options,
    pub(super) show: Show,
    pub(super) recorder: Recorder,
    pub(super) launcher: Launcher,
    identity: Option<Identity>,
    server: Tap,
    second_server: Tap,
    gateway: (Tap, DatagramTap),
    second_gateway: (Tap, DatagramTap),
    pub(super) lamp: DatagramTap,
    /// Everything that is kept, until the story is over.
    _folder: TempDir,
}

/// A server that runs, and its operator.
pub(super) struct Server {
    _daemon: Daemon,
    pub(super) desk: Desk,
}

/// A gateway that runs, and its operator.
pub(super) struct GatewayPost {
    name: &'static str,
    daemon: Daemon,
    pub(super) desk: Desk,
}

/// Everybody.
pub(super) struct World {
    pub(super) wiring: Wiring,
    pub(super) server: Server,
    pub(super) second_server: Server,
    pub(super) gateway: GatewayPost,
    pub(super) second_gateway: GatewayPost,
    /// The devices of the fanout, and their roles.
    pub(super) devices: Vec<Actor>,
    pub(super) roles: Vec<Role>,
    /// How each of them ended in the fanout.
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// A device that the servers reach themselves.
    pub(super) direct: Actor,
    /// A device that moves.
    pub(super) roaming: Actor,
    /// The lamp that speaks CoAP.
    pub(super) lamp: Actor,
}

impl Wiring {
    /// Opens the taps.
    ///
    /// # Errors
    /// There is no port or no folder for something.
    pub(super) async fn open(options: Options, show: Show) -> io::Result<Self> {
        let recorder = Recorder::new(options.trace.as_deref(), options.pcap.as_deref())?;
        let folder = tempfile::Builder::new().prefix("fleet-").tempdir()?;
        let launcher = Launcher::new(folder.path().into(), options.processes)?;
        let identity = if options.tls {
            let made =
                Identity::kept_in(&folder.path().join("tls"), &["localhost".into(), "127.0.0.1".into()]);
            Some(made.map_err(io::Error::other)?.0)
        } else {
            None
        };
        let encryption = identity.as_ref().map(Encryption::new).transpose()?;
        std::fs::write(folder.path().join("lamp.ddf.xml"), include_str!("lamp.ddf.xml"))?;
        let tap = async |name| Tap::open(name, recorder.clone(), encryption.clone()).await;
        let datagrams = async |name| DatagramTap::open(name, Speech::Notifications, recorder.clone()).await;
        Ok(Self {
            server: tap("server").await?,
            second_server: tap("second-server").await?,
            gateway: (tap("gateway").await?, datagrams("gateway").await?),
            second_gateway: (tap("second-gateway").await?, datagrams("second-gateway").await?),
            lamp: DatagramTap::open("coap-lamp", Speech::Coap("gateway"), recorder.clone()).await?,
            options,
            show,
            recorder,
            launcher,
            identity,
            _folder: folder,
        })
    }

    const fn scheme(&self) -> &'static str {
        if self.identity.is_some() { "https" } else { "http" }
    }

    /// The tap in front of a program.
    fn tap(&self, name: &str) -> &Tap {
        match name {
            "server" => &self.server,
            "second-server" => &self.second_server,
            "gateway" => &self.gateway.0,
            _ => &self.second_gateway.0,
        }
    }

    /// The tap in front of a gateway's datagrams.
    pub(super) fn datagrams(&self, name: &str) -> &DatagramTap {
        if name == "gateway" { &self.gateway.1 } else { &self.second_gateway.1 }
    }

    /// Tells where the first server and the first gateway are.
    pub(super) fn tell(&self) {
        let (server, gateway) = (self.server.front, self.gateway.0.front);
        (self.show)(Progress::Listening { server, gateway, announcements: self.gateway.1.front });
    }

    /// An address of a program, as its peers have it.
    pub(super) fn address(&self, name: &str, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.tap(name).front)
    }

    /// Where programs listen, and what they show: any free port.
    fn listening(&self) -> String {
        let tls = match &self.identity {
            Some(identity) => {
                format!("cert = {}\nkey = {}\n", quoted(&identity.certificate), quoted(&identity.key))
            }
            None => "plain-http = true\n".into(),
        };
        format!("listen = \"127.0.0.1:0\"\noperator = \"127.0.0.1:0\"\n{tls}")
    }

    /// Whom clients trust, under the name that the setting has.
    fn ca(&self) -> String {
        self.identity.as_ref().map_or_else(String::new, |it| format!("ca = {}\n", quoted(&it.certificate)))
    }

    /// Starts a server.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn start_server(&self, name: &'static str, server_id: &str) -> Result<Server, String> {
        let config = format!(
            "server-id = \"{server_id}\"\naddress = \"{}\"\n{}\
             [limits]\nmessages-per-second = 1000.0\nburst = 10000\n\
             [notify]\nfrom = \"127.0.0.1:0\"\nattempts = 8\nwait = 2\n{}",
            self.address(name, "/dm"),
            self.listening(),
            self.ca(),
        );
        let daemon = self.launcher.start(Kind::Server, name, &config).await?;
        self.tap(name).aim(daemon.devices());
        let desk = self.desk("server", name)?;
        Ok(Server { _daemon: daemon, desk })
    }

    /// Starts a gateway with an account with a server.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn start_gateway(
        &self,
        name: &'static str,
        server_id: &str,
        mut account: Value,
    ) -> Result<GatewayPost, String> {
        let file = self.launcher.folder.join(format!("{name}.account.json"));
        if self.options.encoding == Encoding::Xml {
            account["xml"] = true.into();
        }
        std::fs::write(&file, account.to_string()).map_err(|error| format!("{name}: {error}"))?;
        let config = format!(
            "server-id = \"{server_id}\"\naddress = \"{}\"\n{}datagrams = \"127.0.0.1:0\"\ntell-again = 1\n{}servers = [{}]\n\
             [limits]\nwindow = 64\n",
            self.address(name, "/dm"),
            self.listening(),
            self.ca(),
            quoted(&file),
        );
        let daemon = self.launcher.start(Kind::Gateway, name, &config).await?;
        let desk = self.join(name, &daemon)?;
        Ok(GatewayPost { name, daemon, desk })
    }

    /// Lets a gateway be reached.
    fn join(&self, name: &str, daemon: &Daemon) -> Result<Desk, String> {
        self.tap(name).aim(daemon.devices());
        self.datagrams(name).aim(daemon.datagrams());
        self.desk("gateway", name)
    }

    /// The operator of a program.
    fn desk(&self, what: &'static str, name: &str) -> Result<Desk, String> {
        let ca = self.identity.as_ref().map(|identity| identity.certificate.clone());
        Desk::new(what, &self.launcher.state(name), ca)
    }

    /// A device that speaks OMA DM, behind a gateway; switched off.
    pub(super) fn device(&self, name: &str, gateway: &str, more: &[&str]) -> Actor {
        let path = |ending: &str| self.launcher.folder.join(format!("{name}{ending}")).display().to_string();
        let encoding = if self.options.encoding == Encoding::Xml { "xml" } else { "wbxml" };
        let ddf = self.launcher.folder.join("lamp.ddf.xml").display().to_string();
        let announced = self.datagrams(gateway).front.to_string();
        let (state, id) = (path(".redb"), format!("urn:uuid:{name}"));
        let mut arguments: Vec<&str> = vec!["--state", &state, "--id", &id, "--model", "Lamp", "--ddf", &ddf];
        arguments.extend(["--encoding", encoding, "--gateway", &announced, "--interaction", "accept"]);
        arguments.extend(["--install-time", "20", "--report-every", "100", "--retry", "500"]);
        arguments.extend(["--answer-timeout", "5000", "--no-sync"]);
        let ca = self.identity.as_ref().map(|identity| identity.certificate.display().to_string());
        if let Some(ca) = &ca {
            arguments.extend(["--ca", ca]);
        }
        arguments.extend(more);
        Actor::new(name, Make::Dm, arguments.into_iter().map(str::to_owned).collect())
    }

    /// The lamp that speaks CoAP; switched off.
    pub(super) fn coap_device(&self) -> Actor {
        let arguments = ["--listen", "127.0.0.1:0", "--boot-time", "50"].map(str::to_owned);
        Actor::new("coap-lamp", Make::Coap, arguments.into())
    }

    /// Where something of a device is kept.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.launcher.folder.join(name)
    }
}

impl GatewayPost {
    /// Pulls the plug: nobody is behind the taps any more.
    pub(super) fn kill(&mut self, wiring: &Wiring) {
        wiring.tap(self.name).aim(None);
        wiring.datagrams(self.name).aim(None);
        self.daemon.kill();
    }

    /// Starts it again with what it kept.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn revive(&mut self, wiring: &Wiring) -> Result<(), String> {
        self.daemon.revive(&wiring.launcher).await?;
        self.desk = wiring.join(self.name, &self.daemon)?;
        Ok(())
    }

    /// Says that a device is not there any more.
    ///
    /// # Errors
    /// The gateway does not know it.
    pub(super) async fn detach(&self, device: &str, moved: bool) -> Result<(), String> {
        let path = format!("/api/devices/{device}/detach?moved={moved}");
        self.desk.post(&path, &Value::Null).await.map(drop)
    }
}
