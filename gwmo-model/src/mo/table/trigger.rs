//! Notifications for devices, by a server that is in session with the gateway.

use super::object_table;

object_table! {
    /// The nodes of [`Object::Trigger`](super::Object::Trigger) (GwMO-TMode-001).
    TriggerSlot = Trigger "urn:oma:mo:x-gwmo-edtrigger:1.0";
    Root "" Node [GET] One Permanent "Notifications for devices.";
    Triggers "Trig" Node [GET] One Permanent "The triggers of all servers.";
    Trigger "Trig/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "A trigger; its name is chosen by the server.";
    Target "Trig/*/Target" Node [GET] One Dynamic "For whom it is: devices, groups and what matches, without those in Not.";
    TargetDevices "Trig/*/Target/Dev" Node [GET] One Dynamic "Devices.";
    TargetDevice "Trig/*/Target/Dev/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    TargetGroups "Trig/*/Target/Group" Node [GET] One Dynamic "Groups.";
    TargetGroup "Trig/*/Target/Group/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The identifier of one; the name says it too.";
    TargetExceptions "Trig/*/Target/Not" Node [GET] One Dynamic "Devices that are not meant.";
    TargetException "Trig/*/Target/Not/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    TargetMatch "Trig/*/Target/Match" Chr [GET REPLACE] One Dynamic "A selector; empty for none.";
    Noti "Trig/*/Noti" Bin("application/vnd.syncml.notification") [GET REPLACE] One Dynamic "Package 0, ready and signed by the server; forwarded as it is. Empty to have the gateway make one of Spec.";
    Spec "Trig/*/Spec" Node [GET] One Dynamic "What the gateway is to say in its own; it must share the account.";
    SpecServer "Trig/*/Spec/ServerID" Chr [GET REPLACE] One Dynamic "The server the device is to come to.";
    SpecUiMode "Trig/*/Spec/UIMode" Int [GET REPLACE] One Dynamic "What the user sees: 0 unspecified, 1 background, 2 informative, 3 interactive.";
    Valid "Trig/*/Valid" Int [GET REPLACE] One Dynamic "Seconds it is held for devices that are detached or asleep.";
    Send "Trig/*/Send" Null [EXEC] One Dynamic "Sends it: 202, and 200 if that was done.";
    State "Trig/*/State" Int [GET] One Dynamic "0 draft, 1 sending, 2 over.";
    Result "Trig/*/Result" Int [GET] One Dynamic "0, or at the end what it came to.";
    Out "Trig/*/Out" Node [GET] One Dynamic "What became of it, for each device.";
    Outcome "Trig/*/Out/*" Node [GET] ZeroOrMore Dynamic "For the device with this number.";
    OutcomeDevId "Trig/*/Out/*/DevID" Chr [GET] ZeroOrOne Dynamic "What it calls itself, unless it was forgotten.";
    OutcomeCode "Trig/*/Out/*/Code" Int [GET] One Dynamic "0 while it is held; 200 handed to the transport, which is all that can be known.";
}
