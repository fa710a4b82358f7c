//! The DM servers a gateway answers to.

use crate::identifier::identifier;

identifier! {
    /// The identifier of a DM server (`ServerID` of its account), at most 255 octets.
    ///
    /// ```
    /// use gwmo_model::ServerId;
    ///
    /// let server = ServerId::new("com.example.dms")?;
    /// assert_eq!(server.as_str(), "com.example.dms");
    /// # Ok::<(), gwmo_model::IdError>(())
    /// ```
    ServerId, 255
}
