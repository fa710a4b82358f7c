//! Devices the server knows.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::operator_api::segment;
use crate::program::{Failure, first_line, write_account};

use super::super::account::Class;
use super::super::report;
use super::Operator;

#[derive(Subcommand, Debug)]
pub(super) enum DeviceCommand {
    /// Make a device known
    Add(AddArgs),
    /// All of them
    List {
        /// Only those whose id has this in it
        #[arg(long, default_value = "")]
        search: String,
        /// Only those that are there, or are not
        #[arg(long, value_parser = ["attached", "detached"])]
        status: Option<String>,
    },
    /// One of them, and what it was told last
    Show { device: String },
    /// Forget one, and everything that waits for it
    Remove { device: String },
    /// Send it a notification
    Wake { device: String },
}

#[derive(Args, Debug)]
pub(super) struct AddArgs {
    /// What it calls itself: Source of its messages
    device: String,
    /// What kind of device it is
    #[arg(long, value_enum, default_value_t)]
    class: Class,
    /// How both sides prove themselves
    #[arg(long, value_enum, default_value_t = Auth::Md5)]
    auth: Auth,
    /// The user name it shows [default: its id]
    #[arg(long)]
    user: Option<String>,
    /// A file with the password it shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The name the server shows [default: the server's id]
    #[arg(long)]
    server_user: Option<String>,
    /// A file with the password the server shows [default: one is made]
    #[arg(long, value_name = "FILE")]
    server_password_file: Option<PathBuf>,
    /// Where notifications for it go, by UDP
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    /// Write its account here, passwords included, for the device; needed unless both passwords are given
    #[arg(long, value_name = "FILE")]
    account_file: Option<PathBuf>,
    /// Put it in place of the one of this id
    #[arg(long)]
    replace: bool,
}

#[derive(Clone, Copy, ValueEnum, Debug)]
pub(super) enum Auth {
    /// Digests of name, password and nonce
    Md5,
    /// The same over each message, beside it
    Mac,
    /// Name and password; only inside TLS
    Basic,
}

impl Operator {
    pub(super) async fn device(&self, command: DeviceCommand) -> Result<bool, Failure> {
        match command {
            DeviceCommand::Add(args) => return self.add_device(args).await,
            DeviceCommand::List { search, status } => {
                let devices = self.api.devices(&search, status.as_deref()).await?;
                report::devices(&self.report, &devices)?;
            }
            DeviceCommand::Show { device } => {
                let path = format!("/api/devices/{}", segment(&device));
                let mut shown = self.api.get(&path).await?;
                shown["work"] = self.api.get(&format!("{path}/work")).await?["work"].take();
                report::device(&self.report, &shown)?;
            }
            DeviceCommand::Remove { device } => {
                self.api.delete(&format!("/api/devices/{}", segment(&device))).await?;
                self.report.said(&format!("{device} is forgotten"), &json!({ "removed": device }))?;
            }
            DeviceCommand::Wake { device } => {
                self.api.post(&format!("/api/devices/{}/wake", segment(&device)), &Value::Null).await?;
                self.report.said(&format!("{device} was notified"), &json!({ "notified": device }))?;
            }
        }
        Ok(true)
    }

    async fn add_device(&self, args: AddArgs) -> Result<bool, Failure> {
        let made = args.password_file.is_none() || args.server_password_file.is_none();
        if made && args.account_file.is_none() {
            let hint = "passwords will be made: say where they go with --account-file, or give both in files";
            return Err(Failure::usage(hint));
        }
        let password = |path: &Option<PathBuf>| path.as_deref().map(first_line).transpose();
        let auth = match args.auth {
            Auth::Md5 => "md5",
            Auth::Mac => "mac",
            Auth::Basic => "basic",
        };
        let body = json!({
            "id": args.device, "class": args.class, "auth": auth, "user": args.user,
            "password": password(&args.password_file)?, "server_user": args.server_user,
            "server_password": password(&args.server_password_file)?, "address": args.address,
            "replace": args.replace,
        });
        let answer = self.api.post("/api/devices", &body).await?;
        if let Some(path) = &args.account_file {
            write_account(path, &answer["account"])?;
        }
        let file = args.account_file.as_deref().map(|path| path.display().to_string());
        let line = match &file {
            Some(file) => format!("{} is known; its account is in {file}", args.device),
            None => format!("{} is known", args.device),
        };
        self.report.said(&line, &json!({ "added": args.device, "account_file": file }))?;
        Ok(true)
    }
}
