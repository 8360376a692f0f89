//! What the machine beneath can do, and whether that is enough for a room.

use alloc::string::String;

use serde_json::Value;

use crate::code::{sparkrtc::client, vendor::VendorCode};

/// The oldest kernel that will do (3.5.9, 90100033).
const CHROME_VERSION_MIN: u64 = 67;

/// What the machine can do. Until the platform says otherwise: everything.
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and any answers go together")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Capabilities {
    /// The page has a window and a navigator.
    navigator: bool,
    /// Which Chrome the kernel is; what is no Chrome has no number, and is not judged by it.
    chrome_version: Option<u64>,
    websocket: bool,
    /// The device is on the vendor's list of those that may be used.
    allow_listed: bool,
    /// It can capture and send media at all.
    upstream: bool,
    avc_encode: bool,
    avc_decode: bool,
}

/// What a room is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Both,
    Send,
    Receive,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            navigator: true,
            chrome_version: None,
            websocket: true,
            allow_listed: true,
            upstream: true,
            avc_encode: true,
            avc_decode: true,
        }
    }
}

impl Capabilities {
    /// The first that is missing, from the page up to its media. The list of devices counts in a strict check alone.
    pub(super) fn missing(self, direction: Direction, strict: bool) -> Option<VendorCode<'static>> {
        let (sends, receives) = (direction != Direction::Receive, direction != Direction::Send);
        let chrome = self.chrome_version.is_none_or(|version| version >= CHROME_VERSION_MIN);
        let all = [
            (self.navigator, client::WINDOW_OR_NAVIGATOR_UNSUPPORTED),
            (chrome, client::CHROME_VERSION_UNSUPPORTED),
            (self.allow_listed || !strict, client::WEB_RTC_WECHAT_UNSUPPORTED),
            (self.websocket, client::WEBSOCKET_UNSUPPORTED),
            (self.upstream || !sends, client::MEDIA_UPSTREAM_UNSUPPORTED),
            (self.avc_encode || !sends, client::WEBRTC_AVC_ENCODE_UNSUPPORTED), // C-09: symbol and message count, not the cause
            (self.avc_decode || !receives, client::WEBRTC_AVC_DECODE_UNSUPPORTED),
        ];
        all.into_iter().find_map(|(there, code)| (!there).then_some(code))
    }

    /// What the machine can do after the platform said this, or where it makes no sense and what was expected there.
    pub(super) fn told(mut self, args: &Value) -> Result<Self, (String, &'static str)> {
        let fields = args.as_object().ok_or_else(|| (String::new(), "an object"))?;
        for (name, value) in fields {
            let flag = match name.as_str() {
                "navigator" => &mut self.navigator,
                "websocket" => &mut self.websocket,
                "allowListed" => &mut self.allow_listed,
                "upstream" => &mut self.upstream,
                "avcEncode" => &mut self.avc_encode,
                "avcDecode" => &mut self.avc_decode,
                "chromeVersion" => {
                    self.chrome_version = Some(crate::dialect::whole(value).ok_or_else(|| (name.clone(), "a number"))?);
                    continue;
                }
                _ => return Err((name.clone(), "navigator, chromeVersion, websocket, allowListed, upstream, avcEncode or avcDecode")),
            };
            *flag = value.as_bool().ok_or_else(|| (name.clone(), "true or false"))?;
        }
        Ok(self)
    }
}
