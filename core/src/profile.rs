//! Named settings of cameras, screens and microphones, as two vendors print them.
//!
//! SparkRTC names 23 camera, 2 screen and 3 audio profiles with their rates; a name it does not know, or a size that cannot be, gets the default without a word (R-121). Agora
//! names 26 camera profiles, numbers them, and prints no rates; a name it does not know is no profile. The printed kilobits are bits here (R-122), and the tables are those of
//! `docs/tables`, to the digit.
//!
//! ```
//! use greenroom_core::profile::{Bitrate, agora, sparkrtc};
//!
//! let camera = sparkrtc::camera("720p_1");
//! assert_eq!((camera.width_px, camera.height_px, camera.fps), (1280, 720, 15));
//! assert_eq!(camera.bitrate, Bitrate::Between { min_bps: 500_000, max_bps: 1_500_000 });
//! assert_eq!(sparkrtc::camera("8K"), sparkrtc::CAMERA_DEFAULT);
//!
//! let portrait = agora::named("360P").expect("it is one of the 26").swapped();
//! assert_eq!((portrait.width_px, portrait.height_px), (360, 640));
//! ```

/// How pictures are to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VideoProfile {
    /// Its name, as printed.
    pub name: &'static str,
    /// Its number, where the vendor gives one.
    pub number: Option<u8>,
    /// Width of the picture, in pixels.
    pub width_px: u16,
    /// Height of the picture, in pixels.
    pub height_px: u16,
    /// Pictures per second.
    pub fps: u8,
    /// How many bits they may become.
    pub bitrate: Bitrate,
}

/// The rate that goes with a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bitrate {
    /// From one to another, in bits per second: cameras of SparkRTC.
    Between {
        /// The least.
        min_bps: u32,
        /// The most.
        max_bps: u32,
    },
    /// One, in bits per second: screens of SparkRTC.
    Single {
        /// The rate.
        bps: u32,
    },
    /// Not printed: Agora.
    NotSaid,
}

/// How sound is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioProfile {
    /// Its name, as printed.
    pub name: &'static str,
    /// Samples per second. Printed in kHz.
    pub sample_rate_hz: u32,
    /// 1 for mono.
    pub channels: u8,
    /// Bits per second. Printed in kbps.
    pub bps: u32,
}

impl VideoProfile {
    /// The same with width and height exchanged: Agora's `swapWidthAndHeight` (R-124). The name stays, for it is what was asked for.
    #[must_use]
    pub const fn swapped(self) -> Self {
        Self { width_px: self.height_px, height_px: self.width_px, ..self }
    }

    /// Whether it is more than Agora recommends: 720p with 15 pictures a second, or 480p with 30. That is advice, and no error (R-127).
    pub const fn is_beyond_recommendation(self) -> bool {
        const PIXELS_720P: u32 = 1280 * 720;
        const PIXELS_480P: u32 = 640 * 480;
        let pixels = self.width_px as u32 * self.height_px as u32;
        !(pixels <= PIXELS_720P && self.fps <= 15 || pixels <= PIXELS_480P && self.fps <= 30)
    }
}

/// One row of a table of video profiles; kilobits become bits here.
macro_rules! video {
    ($name:literal $(= $number:literal)?, $width:literal x $height:literal @ $fps:literal $(, $($rate:tt)+)?) => {
        VideoProfile {
            name: $name,
            number: [$(Some($number),)? None][0],
            width_px: $width,
            height_px: $height,
            fps: $fps,
            bitrate: [$(video!(rate $($rate)+),)? Bitrate::NotSaid][0],
        }
    };
    (rate $min:literal to $max:literal) => { Bitrate::Between { min_bps: $min * 1000, max_bps: $max * 1000 } };
    (rate $kbps:literal) => { Bitrate::Single { bps: $kbps * 1000 } };
}

macro_rules! videos {
    ($(#[$doc:meta])* $table:ident; $($name:literal $(= $number:literal)?, $width:literal x $height:literal @ $fps:literal $(, $rate:literal $(to $max:literal)?)?;)+) => {
        $(#[$doc])*
        pub const $table: &[VideoProfile] = &[$(video!($name $(= $number)?, $width x $height @ $fps $(, $rate $(to $max)?)?)),+];
    };
}

/// The profiles of SparkRTC (Web SDK reference 3.5.5, tables 3-9 to 3-11).
pub mod sparkrtc {
    use super::{AudioProfile, Bitrate, VideoProfile};

    /// What a camera has when nothing was set, or nothing that can be.
    pub const CAMERA_DEFAULT: VideoProfile = CAMERAS[12];
    /// What a screen has when nothing was set, or nothing that can be.
    pub const SCREEN_DEFAULT: VideoProfile = SCREENS[0];
    /// What a microphone has when nothing was set, or nothing that can be.
    pub const AUDIO_DEFAULT: AudioProfile = AUDIOS[1];

    /// The camera profile of that name, or the default.
    pub fn camera(name: &str) -> VideoProfile {
        find(CAMERAS, name).unwrap_or(CAMERA_DEFAULT)
    }

    /// The screen profile of that name, or the default.
    pub fn screen(name: &str) -> VideoProfile {
        find(SCREENS, name).unwrap_or(SCREEN_DEFAULT)
    }

    /// The audio profile of that name, or the default.
    pub fn audio(name: &str) -> AudioProfile {
        AUDIOS.iter().copied().find(|profile| profile.name == name).unwrap_or(AUDIO_DEFAULT)
    }

    fn find(profiles: &[VideoProfile], name: &str) -> Option<VideoProfile> {
        profiles.iter().copied().find(|profile| profile.name == name)
    }

    /// What an application sets in place of a name. What it leaves out is that of the default.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct VideoFields {
        /// Width of the picture, in pixels.
        pub width_px: Option<u16>,
        /// Height of the picture, in pixels.
        pub height_px: Option<u16>,
        /// Pictures per second.
        pub fps: Option<u8>,
        /// The least rate, in bits per second (R-122).
        pub min_bps: Option<u32>,
        /// The most, in bits per second (R-122).
        pub max_bps: Option<u32>,
    }

    impl VideoFields {
        /// The camera profile that they make, called `custom`. Fields that cannot be (nothing wide, high, fast or sent; a least rate above the most) get the default: the documents
        /// say that illegal input does, not what is illegal.
        pub fn camera(self) -> VideoProfile {
            let Bitrate::Between { min_bps, max_bps } = CAMERA_DEFAULT.bitrate else { return CAMERA_DEFAULT };
            // Who gives one rate alone means no contradiction with the other.
            let max_bps = self.max_bps.unwrap_or_else(|| max_bps.max(self.min_bps.unwrap_or(0)));
            let min_bps = self.min_bps.unwrap_or_else(|| min_bps.min(max_bps));
            let profile = VideoProfile {
                name: "custom",
                number: None,
                width_px: self.width_px.unwrap_or(CAMERA_DEFAULT.width_px),
                height_px: self.height_px.unwrap_or(CAMERA_DEFAULT.height_px),
                fps: self.fps.unwrap_or(CAMERA_DEFAULT.fps),
                bitrate: Bitrate::Between { min_bps, max_bps },
            };
            let can_be = profile.width_px > 0 && profile.height_px > 0 && profile.fps > 0 && max_bps > 0 && min_bps <= max_bps;
            if can_be { profile } else { CAMERA_DEFAULT }
        }
    }

    videos! {
        /// Cameras (table 3-10).
        CAMERAS;
        "90p_1", 160 x 90 @ 15, 64 to 110;
        "90p_2", 120 x 90 @ 15, 64 to 110;
        "120p_1", 160 x 120 @ 15, 64 to 120;
        "120p_2", 120 x 120 @ 15, 64 to 110;
        "180p_1", 320 x 180 @ 15, 80 to 320;
        "180p_2", 240 x 180 @ 15, 80 to 170;
        "180p_3", 180 x 180 @ 15, 64 to 130;
        "240p_1", 320 x 240 @ 15, 100 to 400;
        "240p_2", 240 x 240 @ 15, 80 to 320;
        "270p_1", 480 x 270 @ 15, 160 to 600;
        "300p_1", 400 x 300 @ 15, 200 to 500;
        "360p_1", 640 x 360 @ 15, 200 to 800;
        "360p_2", 480 x 360 @ 15, 200 to 700;
        "360p_3", 360 x 360 @ 15, 150 to 600;
        "450p_1", 800 x 450 @ 15, 300 to 950;
        "480p_1", 640 x 480 @ 15, 250 to 900;
        "480p_2", 480 x 480 @ 15, 200 to 800;
        "540p_1", 960 x 540 @ 15, 400 to 1000;
        "630p_1", 1120 x 630 @ 15, 450 to 1150;
        "720p_1", 1280 x 720 @ 15, 500 to 1500;
        "720p_2", 960 x 720 @ 15, 450 to 1100;
        "1080p_1", 1920 x 1080 @ 15, 600 to 2000;
        "1080p_2", 1440 x 1080 @ 15, 550 to 1700;
    }

    videos! {
        /// Screens (table 3-11).
        SCREENS;
        "720p", 1280 x 720 @ 15, 1200;
        "1080p", 1920 x 1080 @ 15, 2000;
    }

    /// Microphones (table 3-9).
    pub const AUDIOS: &[AudioProfile] = &[
        AudioProfile { name: "low", sample_rate_hz: 16_000, channels: 1, bps: 24_000 },
        AudioProfile { name: "standard", sample_rate_hz: 48_000, channels: 1, bps: 40_000 },
        AudioProfile { name: "high", sample_rate_hz: 48_000, channels: 1, bps: 128_000 },
    ];
}

/// The profiles of Agora (Native SDK for Web 1.7, setVideoProfile).
pub mod agora {
    use super::{Bitrate, VideoProfile};

    /// What a camera has when nothing was set. The document prints no default: a choice, because it is the largest size that the document recommends for a smooth picture.
    pub const CAMERA_DEFAULT: VideoProfile = CAMERAS[15];

    /// The profile of that name. There is no other spelling: names are as printed, capitals included.
    pub fn named(name: &str) -> Option<VideoProfile> {
        CAMERAS.iter().copied().find(|profile| profile.name == name)
    }

    /// The profile of that number.
    pub fn numbered(number: u8) -> Option<VideoProfile> {
        CAMERAS.iter().copied().find(|profile| profile.number == Some(number))
    }

    videos! {
        /// Cameras. `480P_7` has the size of `480P` and a number of its own.
        CAMERAS;
        "120P" = 0, 160 x 120 @ 15;
        "120P_2" = 1, 120 x 160 @ 15;
        "120P_3" = 2, 120 x 120 @ 15;
        "180P" = 10, 320 x 180 @ 15;
        "180P_2" = 11, 180 x 320 @ 15;
        "180P_3" = 12, 180 x 180 @ 15;
        "240P" = 20, 320 x 240 @ 15;
        "240P_2" = 21, 240 x 320 @ 15;
        "240P_3" = 22, 240 x 240 @ 15;
        "360P" = 30, 640 x 360 @ 15;
        "360P_2" = 31, 360 x 640 @ 15;
        "360P_3" = 32, 360 x 360 @ 15;
        "360P_4" = 33, 640 x 360 @ 30;
        "360P_5" = 34, 360 x 640 @ 30;
        "360P_6" = 35, 360 x 360 @ 30;
        "480P" = 40, 640 x 480 @ 15;
        "480P_2" = 41, 480 x 640 @ 15;
        "480P_3" = 42, 480 x 480 @ 15;
        "480P_4" = 43, 640 x 480 @ 30;
        "480P_5" = 44, 480 x 640 @ 30;
        "480P_6" = 45, 480 x 480 @ 30;
        "480P_7" = 46, 640 x 480 @ 15;
        "720P" = 50, 1280 x 720 @ 15;
        "720P_2" = 51, 720 x 1280 @ 15;
        "720P_3" = 52, 1280 x 720 @ 30;
        "720P_4" = 53, 720 x 1280 @ 30;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_documents() {
        assert_eq!(sparkrtc::CAMERA_DEFAULT.name, "360p_2");
        assert_eq!(sparkrtc::SCREEN_DEFAULT.name, "720p");
        assert_eq!(sparkrtc::AUDIO_DEFAULT.name, "standard");
        assert_eq!(agora::CAMERA_DEFAULT.name, "480P");
    }

    // R-121
    #[test]
    fn an_unknown_name_or_size_gets_the_default() {
        for name in ["", "360P_2", "4k", " 360p_1"] {
            assert_eq!(sparkrtc::camera(name), sparkrtc::CAMERA_DEFAULT);
            assert_eq!(sparkrtc::screen(name), sparkrtc::SCREEN_DEFAULT);
            assert_eq!(sparkrtc::audio(name), sparkrtc::AUDIO_DEFAULT);
        }
        assert_eq!(sparkrtc::camera("720p"), sparkrtc::CAMERA_DEFAULT, "a screen's name is no camera's");
        let none = sparkrtc::VideoFields::default();
        let wrong = [
            sparkrtc::VideoFields { width_px: Some(0), ..none },
            sparkrtc::VideoFields { height_px: Some(0), ..none },
            sparkrtc::VideoFields { fps: Some(0), ..none },
            sparkrtc::VideoFields { max_bps: Some(0), ..none },
            sparkrtc::VideoFields { min_bps: Some(2), max_bps: Some(1), ..none },
        ];
        for fields in wrong {
            assert_eq!(fields.camera(), sparkrtc::CAMERA_DEFAULT, "{fields:?}");
        }
    }

    // R-122
    #[test]
    fn rates_are_bits_per_second_in_tables_and_in_fields() {
        assert_eq!(sparkrtc::camera("90p_1").bitrate, Bitrate::Between { min_bps: 64_000, max_bps: 110_000 });
        assert_eq!(sparkrtc::screen("1080p").bitrate, Bitrate::Single { bps: 2_000_000 });
        assert_eq!(sparkrtc::audio("low").bps, 24_000);
        let none = sparkrtc::VideoFields::default();
        let between = |fields: sparkrtc::VideoFields| fields.camera().bitrate;
        assert_eq!(between(none), Bitrate::Between { min_bps: 200_000, max_bps: 700_000 });
        let both = sparkrtc::VideoFields { min_bps: Some(64_000), max_bps: Some(64_000), ..none };
        assert_eq!(between(both), Bitrate::Between { min_bps: 64_000, max_bps: 64_000 });
        let most = sparkrtc::VideoFields { max_bps: Some(100_000), ..none };
        assert_eq!(between(most), Bitrate::Between { min_bps: 100_000, max_bps: 100_000 });
        let least = sparkrtc::VideoFields { min_bps: Some(900_000), ..none };
        assert_eq!(between(least), Bitrate::Between { min_bps: 900_000, max_bps: 900_000 });
    }

    // R-124
    #[test]
    fn agora_profiles_have_names_and_numbers_and_swap() {
        assert_eq!(agora::CAMERAS.len(), 26);
        for profile in agora::CAMERAS {
            assert_eq!(agora::named(profile.name), Some(*profile));
            assert_eq!(profile.number.and_then(agora::numbered), Some(*profile));
            let swapped = profile.swapped();
            assert_eq!((swapped.width_px, swapped.height_px, swapped.fps), (profile.height_px, profile.width_px, profile.fps));
            assert_eq!(swapped.swapped(), *profile);
        }
        assert_eq!((agora::named("480p"), agora::named("360p_1"), agora::numbered(3)), (None, None, None));
    }

    // R-127
    #[test]
    fn a_few_profiles_are_beyond_what_is_recommended() {
        let beyond = agora::CAMERAS.iter().filter(|profile| profile.is_beyond_recommendation()).map(|profile| profile.name);
        assert!(beyond.eq(["720P_3", "720P_4"]));
        let (one, seven) = (agora::CAMERA_DEFAULT, agora::numbered(46).expect("480P_7"));
        assert_eq!((one.width_px, one.height_px, one.fps), (seven.width_px, seven.height_px, seven.fps));
        assert_ne!(one.number, seven.number);
    }
}
