//! How a gateway is set up.

use super::object_table;

object_table! {
    /// The nodes of [`Object::Config`](super::Object::Config).
    ConfigSlot = Config "urn:oma:mo:x-gwmo-config:1.0";
    Root "" Node [GET] One Permanent "How the gateway is set up.";
    Rev "Rev" Int [GET] One Permanent "Changes with any of the settings; modulo 2^31.";
    GwId "GwID" Chr [GET] One Permanent "What the gateway calls itself: its own device identifier.";
    PubAddr "PubAddr" Chr [GET REPLACE] One Permanent "Its publicly routable address; empty when it has none.";
    Modes "Modes" Node [GET] One Permanent "How devices are managed.";
    ModesSupported "Modes/Supported" Int [GET] One Permanent "What the gateway can do: the sum of 1 transparent, 2 proxy, 4 adaptation.";
    ModesDefault "Modes/Default" Int [GET REPLACE] One Permanent "The mode of devices that no rule matches.";
    ModeRules "Modes/Rules" Node [GET] One Permanent "Rules, the one with the lowest order first.";
    ModeRule "Modes/Rules/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "A rule, in force once it has its three leaves.";
    ModeRuleOrder "Modes/Rules/*/Order" Int [GET ADD REPLACE] ZeroOrOne Dynamic "Its place among the rules.";
    ModeRuleMatch "Modes/Rules/*/Match" Chr [GET ADD REPLACE] ZeroOrOne Dynamic "Which devices it is for: a selector.";
    ModeRuleMode "Modes/Rules/*/Mode" Int [GET ADD REPLACE] ZeroOrOne Dynamic "Their mode, if gateway and device are capable of it.";
    Alerts "Alerts" Node [GET] One Permanent "Which alerts each server gets.";
    AlertsOf "Alerts/*" Node [GET] ZeroOrMore Dynamic "The switches of the server with this name. They are its own.";
    AlertsServer "Alerts/*/ServerID" Chr [GET] One Dynamic "The server.";
    AlertsAttached "Alerts/*/Attached" Bool [GET REPLACE] One Dynamic "It hears of new devices.";
    AlertsEachTime "Alerts/*/EachTime" Bool [GET REPLACE] One Dynamic "And of devices that come back.";
    AlertsDetached "Alerts/*/Detached" Bool [GET REPLACE] One Dynamic "It hears of devices that go.";
    AlertsImages "Alerts/*/Images" Bool [GET REPLACE] One Dynamic "It hears of images that are ready, or failed.";
    AlertsMaxDelay "Alerts/*/MaxDelay" Int [GET REPLACE] One Dynamic "Seconds that alerts may wait for others, to share a session.";
    Presence "Presence" Node [GET] One Permanent "When a device counts as attached.";
    PresenceDebounce "Presence/Debounce" Int [GET REPLACE] One Permanent "Seconds a change must hold before it counts.";
    PresenceLifetime "Presence/Lifetime" Int [GET REPLACE] One Permanent "Seconds without a sign of life after which a device is detached; 0 for never.";
    PresenceKeepGone "Presence/KeepGone" Int [GET REPLACE] One Permanent "Seconds the record of a detached device is kept; 0 for ever.";
    Storage "Storage" Node [GET] One Permanent "Where images are kept.";
    StorageEnabled "Storage/Enabled" Bool [GET REPLACE] One Permanent "Whether images may be kept at all.";
    StorageQuota "Storage/Quota" Int [GET REPLACE] One Permanent "Kilobytes for all images.";
    StorageUsed "Storage/Used" Int [GET] One Permanent "Kilobytes in use.";
    StorageMaxImage "Storage/MaxImage" Int [GET REPLACE] One Permanent "Kilobytes for one image.";
    StorageRetain "Storage/Retain" Int [GET REPLACE] One Permanent "Seconds an image is kept after its last use; 0 for ever.";
    Boot "Boot" Node [GET] One Permanent "Whether devices are bootstrapped. What began before goes on.";
    BootToGateway "Boot/ToGateway" Bool [GET REPLACE] One Permanent "To the gateway: those that are registered with what they prove themselves with.";
    BootToServer "Boot/ToServer" Bool [GET REPLACE] One Permanent "To servers.";
    Limits "Limits" Node [GET] One Permanent "How much the gateway can do.";
    LimitsMaxDevices "Limits/MaxDevices" Int [GET] One Permanent "Devices.";
    LimitsMaxGroups "Limits/MaxGroups" Int [GET] One Permanent "Groups.";
    LimitsMaxJobs "Limits/MaxJobs" Int [GET] One Permanent "Jobs of all servers.";
    LimitsMaxTargets "Limits/MaxTargets" Int [GET] One Permanent "Devices of one job.";
    LimitsMaxOps "Limits/MaxOps" Int [GET] One Permanent "Operations of one job.";
    LimitsMaxInFlight "Limits/MaxInFlight" Int [GET REPLACE] One Permanent "Devices that are notified or in session at a time, for all jobs.";
    LimitsMaxResult "Limits/MaxResult" Int [GET] One Permanent "Octets kept of what a device answers to one operation.";
    LimitsMaxPage "Limits/MaxPage" Int [GET] One Permanent "Octets of a page.";
    Accounts "Accounts" Node [GET] One Permanent "Which devices a server with a shared account may reach.";
    Account "Accounts/*" Chr [GET ADD REPLACE DELETE] ZeroOrMore Dynamic "The group of devices that the server with this name may reach, * for all. A server that never had an entry is not judged here; one whose entry was deleted reaches nothing.";
    Peers "Peers" Node [GET] One Permanent "Servers that devices know and the gateway does not.";
    PeersAuto "Peers/Auto" Bool [GET REPLACE] One Permanent "Whether the gateway may ask those that are allowed to bootstrap it.";
    PeersAllow "Peers/Allow" Node [GET] One Permanent "The servers that are allowed.";
    PeersAllowed "Peers/Allow/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "A server identifier; the name says it too.";
    PeersKnown "Peers/Known" Node [GET] One Permanent "The servers that were learnt of.";
    Peer "Peers/Known/*" Node [GET] ZeroOrMore Dynamic "The server with this name.";
    PeerState "Peers/Known/*/State" Int [GET] One Dynamic "0 seen, 1 requested, 2 bootstrapped, 3 refused.";
    PeerFrom "Peers/Known/*/From" Chr [GET] ZeroOrOne Dynamic "The device it was learnt from.";
}
