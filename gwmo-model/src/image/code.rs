//! Why an image failed, as a number.

use crate::fanout::ResultCode;

/// Its content is not what was announced.
pub(super) const HASH_MISMATCH: ResultCode = ResultCode::new(1415);
/// Its content could not be had from its source, or its delivery was broken off.
pub(super) const SOURCE_UNREACHABLE: ResultCode = ResultCode::new(1416);
/// It may not be stored, or not be fetched from there.
pub(super) const FORBIDDEN: ResultCode = ResultCode::new(1417);
/// The gateway could not check its content.
pub(super) const GATEWAY_ERROR: ResultCode = ResultCode::new(1500);
/// There was no room for its content.
pub(super) const STORAGE_FULL: ResultCode = ResultCode::new(1501);
/// It is ready.
pub(super) const IMAGE_READY: ResultCode = ResultCode::new(1210);
