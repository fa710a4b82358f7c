//! The requirements on several management authorities (DM 2.0 RD), rule by rule, and the ledger as an object.

mod delegation;
mod full_delegation;
mod instances;
mod ledger;
mod object;
mod scene;
mod sub_delegation;
mod types;
