//! Commands for many devices.

use super::object_table;

impl FanoutSlot {
    /// Whether a name below the job says which one is meant.
    pub(crate) fn has_entry(self) -> bool {
        super::Slot::from(self).row().path.split('/').filter(|name| *name == "*").count() > 1
    }
}

object_table! {
    /// The nodes of [`Object::Fanout`](super::Object::Fanout) (GwMO-FORA-001 and 002).
    FanoutSlot = Fanout "urn:oma:mo:x-gwmo-fanout:1.0";
    Root "" Node [GET] One Permanent "Commands for many devices.";
    Jobs "Jobs" Node [GET] One Permanent "The jobs of all servers.";
    Job "Jobs/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "A job, at first a draft. Its name of at most 64 octets is chosen by the server; to add it again does no harm and is answered 418. Deleted as a draft or when it is over.";
    JobId "Jobs/*/JobID" Chr [GET] One Dynamic "Its name.";
    Owner "Jobs/*/Owner" Chr [GET] One Dynamic "The server that added it, and whose rights count.";
    Trace "Jobs/*/Trace" Chr [GET REPLACE] One Dynamic "The gateways the job came through, with commas; one that meets itself refuses it.";
    Target "Jobs/*/Target" Node [GET] One Dynamic "For whom it is: devices, groups and what matches, without those in Not.";
    TargetDevices "Jobs/*/Target/Dev" Node [GET] One Dynamic "Devices.";
    TargetDevice "Jobs/*/Target/Dev/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    TargetGroups "Jobs/*/Target/Group" Node [GET] One Dynamic "Groups.";
    TargetGroup "Jobs/*/Target/Group/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The identifier of one; the name says it too.";
    TargetExceptions "Jobs/*/Target/Not" Node [GET] One Dynamic "Devices that are not meant.";
    TargetException "Jobs/*/Target/Not/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    TargetMatch "Jobs/*/Target/Match" Chr [GET REPLACE] One Dynamic "A selector; empty for none.";
    TargetLive "Jobs/*/Target/Live" Bool [GET REPLACE] One Dynamic "Whether devices that come to belong to the target while the job runs get it too.";
    Ops "Jobs/*/Ops" Node [GET] One Dynamic "What is to be done.";
    Op "Jobs/*/Ops/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "An operation. They run in the order of their names, which are numbers from 1.";
    OpCmd "Jobs/*/Ops/*/Cmd" Bin("application/vnd.syncml.dm+wbxml") [GET ADD REPLACE] ZeroOrOne Dynamic "One Get, Add, Replace, Delete, Exec or Copy as a SyncML document, WBXML or XML. Checked when it is written.";
    OpOnErr "Jobs/*/Ops/*/OnErr" Int [GET REPLACE] One Dynamic "When a device answers with an error: 0 goes on with the next operation, 1 is the end for this device.";
    OpAsync "Jobs/*/Ops/*/Async" Chr [GET REPLACE] One Dynamic "The type of the alert that ends an Exec answered 202; empty when 202 is the end of it.";
    OpSubstitutes "Jobs/*/Ops/*/Subst" Node [GET] One Dynamic "Images whose address at the gateway goes into the command.";
    OpSubstitute "Jobs/*/Ops/*/Subst/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The identifier of an image. Where the text of the command has the name of this node, it gets the address of the image.";
    Policy "Jobs/*/Policy" Node [GET] One Dynamic "How it is to be done.";
    StartAt "Jobs/*/Policy/StartAt" Chr [GET REPLACE] One Dynamic "Not before this time, ISO 8601 in UTC; empty for at once.";
    JobTime "Jobs/*/Policy/JobTime" Int [GET REPLACE] One Dynamic "Seconds for all of it.";
    NotifyTime "Jobs/*/Policy/TNotify" Int [GET REPLACE] One Dynamic "Seconds until a notified device comes.";
    SessionTime "Jobs/*/Policy/TSession" Int [GET REPLACE] One Dynamic "Seconds of silence in a session.";
    AsyncTime "Jobs/*/Policy/TAsync" Int [GET REPLACE] One Dynamic "Seconds until an Exec answered 202 ends.";
    Window "Jobs/*/Policy/Window" Int [GET REPLACE] One Dynamic "Most devices in flight. May be changed while the job runs.";
    Rate "Jobs/*/Policy/Rate" Int [GET REPLACE] One Dynamic "Devices begun with in a minute; 0 for any number. May be changed while the job runs.";
    Stages "Jobs/*/Policy/Stages" Chr [GET REPLACE] One Dynamic "Begin with few: numbers or percents of the devices, with commas, as `1,5,20%`. Each stage must end well before the next one.";
    Retries "Jobs/*/Policy/Retries" Int [GET REPLACE] One Dynamic "Further attempts.";
    RetryWait "Jobs/*/Policy/RetryWait" Int [GET REPLACE] One Dynamic "Seconds before the first of them; twice as many before each further one.";
    RetryOn "Jobs/*/Policy/RetryOn" Int [GET REPLACE] One Dynamic "After what: the sum of 1 unanswered, 2 session lost, 4 busy, 8 errors of class 5.";
    Offline "Jobs/*/Policy/Offline" Int [GET REPLACE] One Dynamic "Detached devices: 0 are skipped, 1 fail, 2 are waited for, 3 are notified all the same.";
    MaxFail "Jobs/*/Policy/MaxFail" Int [GET REPLACE] One Dynamic "Most percent of the devices that may fail; 100 for all.";
    MinSample "Jobs/*/Policy/MinSample" Int [GET REPLACE] One Dynamic "Devices that must have ended before that is looked at.";
    OnLimit "Jobs/*/Policy/OnLimit" Int [GET REPLACE] One Dynamic "When more fail: 0 is only noted, 1 pauses, 2 stops the job.";
    Unsafe "Jobs/*/Policy/Unsafe" Int [GET REPLACE] One Dynamic "An Exec that may have run: 0 ends indeterminate, 1 is sent again.";
    Report "Jobs/*/Report" Node [GET] One Dynamic "What is told about it.";
    ReportAlert "Jobs/*/Report/Alert" Int [GET REPLACE] One Dynamic "0 nothing, 1 its end, 2 its result too if that fits, 3 how it comes on.";
    ReportDetail "Jobs/*/Report/Detail" Int [GET REPLACE] One Dynamic "Kept of devices: 0 only how many, 1 those that failed, 2 the status of all, 3 what they returned too.";
    ReportGrouping "Jobs/*/Report/Grouping" Int [GET REPLACE] One Dynamic "Devices of the result in one entry: 0 none, 1 those with statuses of the same classes, 2 those with the same statuses and data.";
    ReportKeep "Jobs/*/Report/Keep" Int [GET REPLACE] One Dynamic "Seconds the result stays after the end.";
    Start "Jobs/*/Start" Null [EXEC] One Dynamic "Checks everything, then begins: 202, and 200 if it had begun. The Correlator comes back in the alerts. Refused, it touches no device: 412 nothing to do or nobody named, 406 a device, group, selector or image that is none, 425 a group that is not the owner's to read.";
    Pause "Jobs/*/Pause" Null [EXEC] One Dynamic "Begins with no more devices.";
    Resume "Jobs/*/Resume" Null [EXEC] One Dynamic "Goes on.";
    Cancel "Jobs/*/Cancel" Null [EXEC] One Dynamic "Ends the job: 202, and 200 if it is over. What was delivered is waited for.";
    Retry "Jobs/*/Retry" Null [EXEC] One Dynamic "Once more for the devices that are not ok.";
    State "Jobs/*/State" Int [GET] One Dynamic "0 draft, 1 scheduled, 2 running, 3 paused, 4 cancelling, 5 completed, 6 aborted, 7 cancelled, 8 expired, 9 error.";
    Result "Jobs/*/Result" Int [GET] One Dynamic "0, or at the end what it came to; after a refused Start 1402 or 1403.";
    Stat "Jobs/*/Stat" Node [GET] One Dynamic "How many devices stand where.";
    StatTotal "Jobs/*/Stat/Total" Int [GET] One Dynamic "All; the others add up to it.";
    StatQueued "Jobs/*/Stat/Queued" Int [GET] One Dynamic "Not begun with, or not again yet.";
    StatFlight "Jobs/*/Stat/Flight" Int [GET] One Dynamic "Notified, in session, or at work on an Exec.";
    StatOk "Jobs/*/Stat/Ok" Int [GET] One Dynamic "Did everything.";
    StatFailed "Jobs/*/Stat/Failed" Int [GET] One Dynamic "Answered with an error.";
    StatRefused "Jobs/*/Stat/Refused" Int [GET] One Dynamic "Refused the gateway.";
    StatUnreachable "Jobs/*/Stat/Unreachable" Int [GET] One Dynamic "Never came.";
    StatTimeout "Jobs/*/Stat/Timeout" Int [GET] One Dynamic "Fell silent, or never had their turn.";
    StatSkipped "Jobs/*/Stat/Skipped" Int [GET] One Dynamic "Left out, by policy or for want of a right.";
    StatCancelled "Jobs/*/Stat/Cancelled" Int [GET] One Dynamic "Cancelled before anything was delivered.";
    StatUnknown "Jobs/*/Stat/Unknown" Int [GET] One Dynamic "May have run an Exec, or not.";
    Out "Jobs/*/Out" Node [GET] One Dynamic "What became of the devices.";
    OutRev "Jobs/*/Out/Rev" Int [GET] One Dynamic "Changes with it; modulo 2^31.";
    OutSum "Jobs/*/Out/Sum" Chr [GET] One Dynamic "One outcome a line `State;Code;count;serials` with runs of serials as `4-7 9`, the largest first. A last line `+` says that more did not fit.";
    OutDocs "Jobs/*/Out/Doc" Node [GET] One Dynamic "The aggregated result as a document.";
    OutDoc "Jobs/*/Out/Doc/*" Bin("application/vnd.wbxml") [GET] ZeroOrMore Dynamic "A page of it, from 1; each says of how many. Grouped and detailed as Report says.";
    OutPages "Jobs/*/Out/Page" Node [GET] One Dynamic "The records, many in one piece.";
    OutPage "Jobs/*/Out/Page/*" Chr [GET] ZeroOrMore Dynamic "The records from this device on, one a line `serial;DevID;State;Code;Tries`, as many as fit.";
    OutRecords "Jobs/*/Out/Rec" Node [GET] One Dynamic "One record for each device.";
    Record "Jobs/*/Out/Rec/*" Node [GET] ZeroOrMore Dynamic "The record of the device with this number.";
    RecordDevId "Jobs/*/Out/Rec/*/DevID" Chr [GET] ZeroOrOne Dynamic "What it calls itself, unless it was forgotten.";
    RecordState "Jobs/*/Out/Rec/*/State" Int [GET] One Dynamic "0 queued, 1 waited for, 2 notified, 3 in session, 4 at work, 5 to be tried again, 10 ok, 11 failed, 12 timed out, 13 skipped, 14 cancelled, 15 indeterminate, 16 refused, 17 unreachable.";
    RecordCode "Jobs/*/Out/Rec/*/Code" Int [GET] One Dynamic "Why; 0 before its end.";
    RecordTries "Jobs/*/Out/Rec/*/Tries" Int [GET] One Dynamic "Attempts.";
    RecordOps "Jobs/*/Out/Rec/*/Op" Node [GET] One Dynamic "Its answers.";
    RecordOp "Jobs/*/Out/Rec/*/Op/*" Node [GET] ZeroOrMore Dynamic "The answer to the operation with this number.";
    AnswerCode "Jobs/*/Out/Rec/*/Op/*/Code" Int [GET] One Dynamic "The Status; 0 without one.";
    AnswerFmt "Jobs/*/Out/Rec/*/Op/*/Fmt" Chr [GET] ZeroOrOne Dynamic "The format of what was returned.";
    AnswerType "Jobs/*/Out/Rec/*/Op/*/Type" Chr [GET] ZeroOrOne Dynamic "Its media type.";
    AnswerData "Jobs/*/Out/Rec/*/Op/*/Data" Bin("application/octet-stream") [GET] ZeroOrOne Dynamic "What was returned. Several items are one SyncML document in WBXML with one Results.";
    AnswerCut "Jobs/*/Out/Rec/*/Op/*/Cut" Int [GET] ZeroOrOne Dynamic "Its size in octets, if only the beginning was kept.";
}
