//! The devices behind a gateway.

use super::object_table;

object_table! {
    /// The nodes of [`Object::Inventory`](super::Object::Inventory) (GwMO-DI-001 to 005).
    InventorySlot = Inventory "urn:oma:mo:x-gwmo-deviceinventory:1.0";
    Root "" Node [GET] One Permanent "The devices behind the gateway.";
    Summary "Summary" Node [GET] One Permanent "The inventory in numbers.";
    SummaryRev "Summary/Rev" Int [GET] One Permanent "Changes with any record; modulo 2^31.";
    SummaryTotal "Summary/Total" Int [GET] One Permanent "Devices that are registered.";
    SummaryAttached "Summary/Attached" Int [GET] One Permanent "Of them, attached.";
    SummaryDetached "Summary/Detached" Int [GET] One Permanent "Of them, detached.";
    SummaryByMode "Summary/ByMode" Chr [GET] One Permanent "How many are managed how, as `1=3;2=40`.";
    Devices "Devices" Node [GET] One Permanent "One record for each device.";
    Device "Devices/*" Node [GET] ZeroOrMore Dynamic "A device, under the number the gateway gave it, which is never given again.";
    DevId "Devices/*/DevID" Chr [GET] One Dynamic "What it calls itself.";
    CompType "Devices/*/CompType" Int [GET] One Dynamic "0 a device, 1 a gateway of its own.";
    AttachStatus "Devices/*/AttachStatus" Int [GET] One Dynamic "1 attached, 2 detached.";
    Since "Devices/*/Since" Chr [GET] ZeroOrOne Dynamic "Since when, as far as the gateway knows the time.";
    Epoch "Devices/*/Epoch" Chr [GET] One Dynamic "How often the device has attached anywhere, in decimal.";
    Mode "Devices/*/Mode" Int [GET] One Dynamic "How it is managed: 1 transparent, 2 proxy, 4 adaptation.";
    ModeReq "Devices/*/ModeReq" Int [GET REPLACE] One Dynamic "How a server wishes it to be managed; 0 for no wish.";
    Proto "Devices/*/Proto" Chr [GET] ZeroOrOne Dynamic "What it speaks.";
    Addr "Devices/*/Addr" Node [GET] One Dynamic "Its addresses.";
    AddrLocal "Devices/*/Addr/Local" Chr [GET] ZeroOrOne Dynamic "In the network of the gateway.";
    AddrPublic "Devices/*/Addr/Public" Chr [GET] ZeroOrOne Dynamic "For everybody, so that a server can do without the gateway.";
    Info "Devices/*/Info" Node [GET] One Dynamic "What it is.";
    InfoMan "Devices/*/Info/Man" Chr [GET] ZeroOrOne Dynamic "Who made it.";
    InfoMod "Devices/*/Info/Mod" Chr [GET] ZeroOrOne Dynamic "Its model.";
    InfoHw "Devices/*/Info/Hw" Chr [GET] ZeroOrOne Dynamic "The version of its hardware.";
    InfoFw "Devices/*/Info/Fw" Chr [GET] ZeroOrOne Dynamic "The version of its firmware.";
    InfoSw "Devices/*/Info/Sw" Chr [GET] ZeroOrOne Dynamic "The version of its software.";
    Objects "Devices/*/MOs" Node [GET] One Dynamic "The management objects it has.";
    ObjectId "Devices/*/MOs/*" Chr [GET] ZeroOrMore Dynamic "The identifier of one of them.";
    Servers "Devices/*/Servers" Node [GET] One Dynamic "The servers it is bootstrapped to.";
    ServerId "Devices/*/Servers/*" Chr [GET] ZeroOrMore Dynamic "The identifier of one of them.";
    Sleep "Devices/*/Sleep" Node [GET] One Dynamic "When it sleeps: attached, but not to be reached.";
    SleepNext "Devices/*/Sleep/Next" Int [GET] ZeroOrOne Dynamic "Seconds until it wakes up.";
    SleepEvery "Devices/*/Sleep/Every" Int [GET] ZeroOrOne Dynamic "Seconds from one waking up to the next.";
    Boot "Devices/*/Boot" Node [GET] One Dynamic "Whether it is bootstrapped.";
    BootState "Devices/*/Boot/State" Int [GET] One Dynamic "0 no, 1 offered, 2 confirmed, 3 failed.";
    Anchor "Devices/*/Mgmt" Null [GET] One Dynamic "The anchor of rights: a job may send a command to the device if its owner holds the right of that name in the ACL in force here. Copy needs Get, Add and Replace.";
    Registered "Reg" Node [] One Permanent "Devices by what they call themselves; they are found below Devices. Nobody reads it.";
    Registration "Reg/*" Bin("application/octet-stream") [ADD DELETE] ZeroOrMore Dynamic "Add registers the device that calls itself so before it is seen, Delete forgets it. The value may be empty, or three lines: the name it shows, its secret, and that of the gateway.";
    Pages "Page" Node [GET] One Permanent "The devices, many in one piece.";
    Page "Page/*" Chr [GET] ZeroOrMore Dynamic "The devices from this number on, one a line `serial;DevID;AttachStatus`, as many as fit. Go on after the last one until a page is empty.";
    Queries "Query" Node [GET] One Permanent "Questions about the devices.";
    Query "Query/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "A question of a server.";
    QueryMatch "Query/*/Match" Chr [GET REPLACE] One Dynamic "Which devices: a selector.";
    QueryFields "Query/*/Fields" Chr [GET REPLACE] One Dynamic "What of each: names of the record's leaves, with commas.";
    QueryRun "Query/*/Run" Null [EXEC] One Dynamic "Looks, and keeps what there is now.";
    QueryCount "Query/*/Count" Int [GET] One Dynamic "How many devices were found.";
    QueryRev "Query/*/Rev" Int [GET] One Dynamic "The revision of the inventory when it looked.";
    QueryPages "Query/*/Page" Node [GET] One Dynamic "What was found.";
    QueryPage "Query/*/Page/*" Chr [GET] ZeroOrMore Dynamic "What was found from this device on, one a line `serial;DevID` and the fields, as many as fit.";
}
