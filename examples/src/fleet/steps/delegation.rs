//! A server delegates a subtree of a device to a second one, which can do there what it is to do, and nothing elsewhere.

use dm_tree::Rights;
use dm_tree::authority::{DelegationKind, Scope, Terms};
use dm_tree::delegation::Proposal;
use dm_tree::{Acl, NodeUri, ServerId};
use serde_json::Value;

use super::super::desk::Desk;
use super::super::jobs::set;
use super::super::world::{SECOND_SERVER_ID, SERVER_ID, World};
use super::{LEVEL, Proof, ensure};

/// What is delegated, and what is not.
const SCOPE: &str = "./Vendor/Lamp";
const ELSEWHERE: &str = "./FUMO/PkgName";

pub(super) async fn play(world: &mut World) -> Proof {
    let id = world.direct.id();
    let (first, second) = (&world.server.desk, &world.second_server.desk);
    refused(second, &id, LEVEL).await?;
    refused(second, &id, ELSEWHERE).await?;

    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let scope = NodeUri::parse(SCOPE).map_err(|error| failed(&error))?.into_owned();
    let terms = Terms::new(DelegationKind::Full, Scope::Subtree(scope), Rights::GET.union(Rights::REPLACE));
    let proposal = Proposal::new(&id, terms).map_err(|error| failed(&error))?;
    let server = |text: &str| ServerId::new(text).map_err(|error| failed(&error));
    let (delegator, delegatee) = (server(SERVER_ID)?, server(SECOND_SERVER_ID)?);
    // The subtree has no ACL of its own yet: that of the root is in force there.
    let now = first.read(&id, ".?prop=ACL").await?;
    let now = Acl::parse(&now).map_err(|error| failed(&error))?;
    let acl = proposal.granting(&now, &delegator, &delegatee).to_string();
    let granted = first.command(&id, &set(&format!("{SCOPE}?prop=ACL"), &acl, "chr")).await?;
    ensure(granted["state"] == "done", || format!("the ACL is answered {granted}"))?;

    let done = second.command(&id, &set(LEVEL, "3", "int")).await?;
    ensure(done["state"] == "done", || format!("the delegatee is answered {done}"))?;
    let level = second.read(&id, LEVEL).await?;
    ensure(level == "3", || format!("the lamp is at {level}"))?;
    refused(second, &id, ELSEWHERE).await?;
    refused(first, &id, LEVEL).await?;
    Ok(format!(
        "{SECOND_SERVER_ID} was refused, then given {SCOPE} in full, and sets the lamp there; elsewhere it is refused still, and there the \
         delegator is now"
    ))
}

/// A server may not write there (425).
async fn refused(desk: &Desk, device: &str, uri: &str) -> Result<(), String> {
    let format = if uri == LEVEL { "int" } else { "chr" };
    let work: Value = desk.command(device, &set(uri, "1", format)).await?;
    ensure(work["state"] == "failed" && work["code"] == 425, || format!("{uri} is to be refused: {work}"))
}
