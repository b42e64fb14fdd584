//! The rules of `docs/format.md` that a message's structure can break.
use core::fmt;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $number:literal: $text:literal, $advice:literal;)+) => {
        /// A rule of `docs/format.md` that can be seen to be broken without a key.
        ///
        /// ```
        /// # use datakey_envelope::Rule;
        /// assert_eq!(Rule::Magic.number(), "H1");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $name,)+
        }

        impl Rule {
            /// Every rule, in the order of the text.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The number in `docs/format.md`.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self { $(Self::$name => $number,)+ }
            }

            /// What the rule says, in a few words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What whoever meets a message that breaks it can do.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)+ }
            }
        }
    };
}

rules! {
    /// All that the structure announces is there.
    Complete = "G3": "a message is complete", "fetch or wait for the rest, or treat the message as cut short";
    /// Nothing follows the end.
    NothingAfter = "G4": "nothing follows the end of a message",
        "hand over exactly one message, without what the transport added";
    /// The first four bytes.
    Magic = "H1": "a message starts with DA 4B 45 59",
        "this is not a datakey message; AWS Encryption SDK messages start with 01 80 or 02";
    /// The version.
    Version = "H2": "the version is 1", "read it with a release that knows this version";
    /// The suite.
    Suite = "H3": "the suite is 1 or 2", "read it with a release that knows this suite";
    /// The kind.
    Kind = "H4": "the kind is 1 or 2", "read it with a release that knows this kind";
    /// The frame exponent.
    FrameExponent = "H5": "the frame exponent is 6 to 24", "reject the message";
    /// The length of the encoded encryption context.
    ContextLength = "C1": "an encoded encryption context has at most 4096 bytes", "reject the message";
    /// The number of pairs.
    ContextPairs = "C2": "an encryption context has at most 32 pairs", "reject the message";
    /// The lengths of keys and values.
    ContextText = "C3": "a context key has 1 to 1024 bytes, a value 0 to 1024", "reject the message";
    /// The pairs end where the context ends.
    ContextEnd = "C4": "the pairs fill the encoded encryption context exactly", "reject the message";
    /// Keys and values are text.
    ContextUtf8 = "C5": "context keys and values are UTF-8", "reject the message";
    /// The order of pairs.
    ContextOrder = "C6": "context keys are strictly ascending by their bytes", "reject the message";
    /// The number of wrapped keys.
    WrappedKeyCount = "W1": "a message has 1 to 16 wrapped keys", "reject the message";
    /// The length of a key id.
    KeyIdLength = "W2": "a key id has 1 to 255 bytes", "reject the message";
    /// The characters of a key id.
    KeyIdText = "W3": "a key id is UTF-8 without control characters", "reject the message";
    /// The length of a blob.
    BlobLength = "W4": "a wrapped key's blob has 1 to 6144 bytes", "reject the message";
    /// Wrapped keys differ.
    WrappedKeyTwice = "W5": "no wrapped key stands in a message twice", "reject the message";
    /// An empty last frame.
    EmptyLastFrame = "B3": "the last frame is empty only in an empty message",
        "treat the message as cut short or written wrongly";
    /// The length of a record.
    RecordLength = "R2": "a record has at most 2^e bytes", "reject the message";
    /// The number of records.
    RecordCount = "R3": "a message has at most 2^24 records", "reject the message";
    /// The table of lengths.
    RecordTable = "R5": "the table repeats the lengths of all records in order", "reject the message";
    /// The count at the end.
    RecordTotal = "R7": "the count at the end is the number of records", "reject the message";
    /// The length of the plaintext.
    MessageLength = "L1": "a message has at most 2^43 bytes of plaintext", "split the data into several messages";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}: {}", self.number(), self.text())
    }
}
