//! How a run goes, while it goes.

use super::out::Out;
use crate::{backend::Clock, driver::Handle};

pub(super) async fn show(handle: Handle, _clock: Clock, name: String, out: Out) {
    let mut notices = handle.notices();
    drop(handle);
    while let Ok(notice) = notices.recv().await {
        out.say(&format!("{name}: {notice:?}\n"));
    }
}
