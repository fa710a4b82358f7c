//! Exec (RepPro 1.2.1, Exec).

use alloc::borrow::Cow;
use alloc::string::String;

use dm_syncml::StatusCode;

use crate::access::Spot;
use crate::acting::Acting;
use crate::change::ExecRequest;
use crate::error::{Refusal, RefusalKind};
use crate::handler::ExecReply;
use crate::pending::Question;
use crate::principal::Actor;
use crate::rights::{AccessType, Rights};
use crate::schema::SchemaCommand;

impl Acting<'_> {
    /// Exec: lets the handler of a node execute it. Only handlers can; a stored node answers 406.
    ///
    /// Returns the handler's status: 200 or another one when it is over, 202 when it goes on. In the latter case
    /// the request also comes out of [`take_exec_requests`](Self::take_exec_requests).
    ///
    /// # Errors
    ///
    /// [`Refusal`] with the status to answer.
    pub fn exec(&mut self, uri: &str, argument: &[u8]) -> Result<StatusCode, Refusal> {
        self.exec_with(uri, || Ok(Cow::Borrowed(argument)))
    }

    /// As [`exec`](Self::exec); the argument is decoded only once the command may be executed.
    pub(crate) fn exec_with<'a>(
        &mut self,
        uri: &str,
        argument: impl FnOnce() -> Result<Cow<'a, [u8]>, RefusalKind>,
    ) -> Result<StatusCode, Refusal> {
        let uri = self.aim_at_node(uri, Rights::EXEC)?;
        let found = self.find(&uri)?;
        self.check_acl(&found, Rights::EXEC)?;
        found.check_access(AccessType::EXEC)?;
        let argument = argument()?;
        if argument.len() > self.tree.limits().max_value_len {
            return Err(RefusalKind::TooLarge.into());
        }
        let Spot::Mounted(mounted) = &found.spot else { return Err(RefusalKind::NothingToExecute.into()) };
        // No application has the right, so none comes here.
        let Actor::Server(server) = self.actor else { return Err(RefusalKind::Denied.into()) };
        self.check_schema(&uri, SchemaCommand::Exec)?;
        let (handler, cx) = self.ask(mounted)?;
        let request = |acting: &Self, argument: Cow<'_, [u8]>| ExecRequest {
            uri: acting.uri_of(&found.spot),
            mount: mounted.id,
            server: server.clone(),
            correlator: acting.correlator.map(String::from),
            argument: argument.into_owned(),
        };
        match handler.exec(&cx, &mounted.names(), &argument) {
            ExecReply::Done(status) => {
                self.settle_ledger()?;
                Ok(status)
            }
            ExecReply::Accepted => {
                let request = request(self, argument);
                self.requests.push(request);
                Ok(StatusCode::ACCEPTED)
            }
            ExecReply::Later => {
                let request = request(self, argument);
                Err(self.tree.wait_for(self.actor, Question::Exec(request)).into())
            }
        }
    }
}
