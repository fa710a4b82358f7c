//! Groups of devices.

use super::object_table;

object_table! {
    /// The nodes of [`Object::Groups`](super::Object::Groups) (GwMO-Group-001).
    GroupsSlot = Groups "urn:oma:mo:x-gwmo-devicegroup:1.0";
    Root "" Node [GET] One Permanent "Groups of devices.";
    Group "*" Node [GET ADD DELETE] ZeroOrMore Dynamic "A group, named by its identifier of at most 64 octets. The name * is reserved: it means every device.";
    Members "*/Members" Node [GET] One Dynamic "Members that are named one by one.";
    Member "*/Members/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of a member, registered or not; the name says it too.";
    List "*/List" Chr [GET REPLACE] One Dynamic "The DevIDs of all members that are named, one a line. Replace makes these the members.";
    Name "*/Name" Chr [GET REPLACE] One Dynamic "What people call it.";
    Kind "*/Kind" Int [GET] One Dynamic "0 by name, 1 by rule, 2 both.";
    Rule "*/Rule" Chr [GET REPLACE] One Dynamic "A selector: devices it matches are members too, as long as it does. Empty for none.";
    Nested "*/Sub" Node [GET] One Dynamic "Groups whose members are members too.";
    NestedGroup "*/Sub/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The identifier of such a group; the name says it too.";
    Excluded "*/Not" Node [GET] One Dynamic "Devices that are no members, whatever else says so.";
    ExcludedDevice "*/Not/*" Chr [GET ADD DELETE] ZeroOrMore Dynamic "The DevID of one; the name says it too.";
    Max "*/Max" Int [GET REPLACE] One Dynamic "Most members; 0 for as many as the gateway takes. With more it cannot be addressed.";
    Count "*/Count" Int [GET] One Dynamic "How many members there are.";
    Rev "*/Rev" Int [GET] One Dynamic "Changes with the members; modulo 2^31.";
    FromJob "*/FromJob" Chr [GET REPLACE] One Dynamic "The job whose outcome the group was made of; empty for none. Replace makes the devices of such a job that did not do everything the members that are named; a second line names others by the leaves of Stat, with commas. 406 where the gateway does not do that.";
}
