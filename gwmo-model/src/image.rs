//! Images that devices fetch from their gateway instead of from far away.

mod catalogue;
mod config;
mod delivery;
mod digest;
mod download;
mod error;
mod hex;
mod machine;
mod output;
mod record;
mod serve;
mod shelf;
mod snapshot;
mod spec;
mod substitution;
mod timer;
mod token;
mod view;

pub use config::{ImageConfig, StoragePolicy};
pub use delivery::Chunk;
pub use digest::ContentDigest;
pub use error::{
    DigestError, ImageError, ImageErrorKind, ImageRestoreError, ImageRestoreErrorKind, ServeRefusal,
};
pub use machine::Images;
pub use output::{ImagesOutput, LocalUri};
pub use record::ImageRecord;
pub use serve::{ByteRange, Membership, Serve, ServeRequest};
pub use snapshot::ImagesSnapshot;
pub use spec::{BlobNo, ImageKey, ImageNo, ImageSpec, Scope, ServeNo};
pub use substitution::{Substitution, SubstitutionError, substitute};
pub use token::{AddressName, ImageToken};
pub use view::{ImageAddress, ImageState, ImageView};
