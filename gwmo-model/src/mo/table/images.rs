//! What devices may fetch from a gateway.

use super::object_table;

object_table! {
    /// The nodes of [`Object::Images`](super::Object::Images) (GwMO-DCIS-001 to 003).
    ImagesSlot = Images "urn:oma:mo:x-gwmo-imageinventory:1.0";
    Root "" Node [GET] One Permanent "What devices may fetch from the gateway.";
    Images "Images" Node [GET] One Permanent "The images of all servers.";
    Image "Images/*" Node [GET ADD DELETE] ZeroOrMore Dynamic "An image; its name is chosen by the server.";
    Id "Images/*/ID" Chr [GET] One Dynamic "Its name.";
    Name "Images/*/Name" Chr [GET REPLACE] One Dynamic "A label.";
    Ver "Images/*/Ver" Chr [GET REPLACE] One Dynamic "A version.";
    Type "Images/*/Type" Chr [GET REPLACE] One Dynamic "Its media type.";
    Size "Images/*/Size" Int [GET REPLACE] One Dynamic "Its octets; 0 while that is not known.";
    Hash "Images/*/Hash" Chr [GET REPLACE] One Dynamic "Its digest, as `sha-256:` and hexadecimal digits. Nothing is ready before it was compared.";
    Cacheable "Images/*/Cacheable" Bool [GET REPLACE] One Dynamic "Whether it may be kept.";
    Src "Images/*/Src" Chr [GET REPLACE] One Dynamic "Where the gateway may fetch it.";
    Data "Images/*/Data" Bin("application/octet-stream") [REPLACE] One Dynamic "The image itself, in one piece or as a large object.";
    Fetch "Images/*/Fetch" Null [EXEC] One Dynamic "Fetches it from Src.";
    Scope "Images/*/Scope" Node [GET] One Dynamic "Who may fetch it, beside the devices of a job whose commands name it.";
    ScopeDevices "Images/*/Scope/Dev" Node [GET] One Dynamic "Devices.";
    ScopeDevice "Images/*/Scope/Dev/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    ScopeGroups "Images/*/Scope/Group" Node [GET] One Dynamic "Groups.";
    ScopeGroup "Images/*/Scope/Group/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The identifier of one; the name says it too.";
    Uri "Images/*/URI" Chr [GET] ZeroOrOne Dynamic "Where devices fetch it, once it is ready.";
    State "Images/*/State" Int [GET] One Dynamic "0 empty, 1 receiving, 2 downloading, 3 verifying, 4 ready, 5 failed, 6 evicted.";
    Result "Images/*/Result" Int [GET] One Dynamic "0, 1210 when it is ready, or why it failed.";
    Expiry "Images/*/Expiry" Chr [GET REPLACE] One Dynamic "Kept until then, ISO 8601 in UTC; empty for no end.";
    Pulls "Images/*/Pulls" Int [GET] One Dynamic "How often devices have fetched it.";
    Store "Store" Node [GET] One Permanent "The room there is.";
    StoreQuota "Store/Quota" Int [GET] One Permanent "Kilobytes for all images.";
    StoreUsed "Store/Used" Int [GET] One Permanent "Kilobytes in use.";
    StoreFree "Store/Free" Int [GET] One Permanent "Kilobytes left.";
}
