//! Carried by real sessions.
