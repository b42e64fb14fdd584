//! A layer around providers: a count, a log, an allow-list, a limit of one's own.
//!
//! A layer is a type with a provider inside that is a provider itself. Two things make one right: it passes on *every* method, and
//! it changes nothing that it was not made to change.
//!
//! # Pass on every method
//!
//! The traits have methods with defaults, so a layer that forgets one compiles. It then says of itself what its provider does not say: that
//! its calls are on a quota without a name, that a call answers one wrapped key where it answers two, that it knows no alias. Nothing
//! fails; calls are paced together that should not be, and `invalidate_key("alias/orders")` finds nothing on the day when it matters. So:
//!
//! ```
//! use std::{sync::atomic::{AtomicU64, Ordering}, time::Duration};
//! use datakey_provider::*;
//!
//! /// Counts the calls of each half.
//! struct Counted<P> { inner: P, sealed: AtomicU64, opened: AtomicU64 }
//!
//! #[async_trait]
//! #[deny(clippy::missing_trait_methods)] // a method that is added later is not forgotten either
//! impl<P: SealingProvider> SealingProvider for Counted<P> {
//!     async fn generate_data_key(
//!         &self,
//!         context: &EncryptionContext,
//!         length: DataKeyLength,
//!     ) -> Result<GeneratedDataKey, ProviderError> {
//!         self.sealed.fetch_add(1, Ordering::Relaxed);
//!         self.inner.generate_data_key(context, length).await
//!     }
//!     async fn encrypt(&self, context: &EncryptionContext, key: &DataKey) -> Result<WrappedKeys, ProviderError> {
//!         self.sealed.fetch_add(1, Ordering::Relaxed);
//!         self.inner.encrypt(context, key).await
//!     }
//!     fn wrapped_keys_each(&self) -> usize {
//!         self.inner.wrapped_keys_each()
//!     }
//!     fn sealing_key_is(&self, name: &str, key_id: &str) -> bool {
//!         self.inner.sealing_key_is(name, key_id)
//!     }
//!     fn sealing_scopes<'a>(&'a self, tell: &mut dyn FnMut(Scope<'a>)) {
//!         self.inner.sealing_scopes(tell);
//!     }
//!     fn sealing_time_limit(&self) -> Option<Duration> {
//!         self.inner.sealing_time_limit()
//!     }
//! }
//!
//! #[async_trait]
//! #[deny(clippy::missing_trait_methods)]
//! impl<P: OpeningProvider> OpeningProvider for Counted<P> {
//!     fn rank(&self, wrapped: &WrappedKey) -> Option<Rank> {
//!         self.inner.rank(wrapped)
//!     }
//!     async fn decrypt(&self, context: &EncryptionContext, wrapped: &WrappedKey) -> Result<DataKey, ProviderError> {
//!         self.opened.fetch_add(1, Ordering::Relaxed);
//!         self.inner.decrypt(context, wrapped).await
//!     }
//!     async fn decrypt_amid(
//!         &self,
//!         context: &EncryptionContext,
//!         wrapped: &WrappedKey,
//!         traffic: &dyn Traffic,
//!     ) -> Result<DataKey, ProviderError> {
//!         self.opened.fetch_add(1, Ordering::Relaxed);
//!         self.inner.decrypt_amid(context, wrapped, traffic).await // and not `decrypt`: that loses the traffic
//!     }
//!     fn opening_key_is(&self, name: &str, key_id: &str) -> bool {
//!         self.inner.opening_key_is(name, key_id)
//!     }
//!     fn opening_scope<'a>(&'a self, wrapped: &'a WrappedKey) -> Scope<'a> {
//!         self.inner.opening_scope(wrapped)
//!     }
//!     fn opening_scope_amid<'a>(&'a self, wrapped: &'a WrappedKey, traffic: &dyn Traffic) -> Scope<'a> {
//!         self.inner.opening_scope_amid(wrapped, traffic)
//!     }
//!     fn opening_time_limit(&self) -> Option<Duration> {
//!         self.inner.opening_time_limit()
//!     }
//! }
//!
//! # fn needs_both(_: &impl KeyProvider) {}
//! # fn with<P: KeyProvider>(inner: P) {
//! let counted = Counted { inner, sealed: AtomicU64::new(0), opened: AtomicU64::new(0) };
//! needs_both(&counted); // whichever halves are inside, the layer has
//! # }
//! # struct Nothing;
//! # #[async_trait]
//! # impl OpeningProvider for Nothing {
//! #     fn rank(&self, _: &WrappedKey) -> Option<Rank> { None }
//! #     async fn decrypt(&self, _: &EncryptionContext, _: &WrappedKey) -> Result<DataKey, ProviderError> {
//! #         Err(ProviderError::new(ErrorClass::InvalidRequest, Operation::Decrypt).unsent())
//! #     }
//! # }
//! # use std::{future::Future as _, pin::pin, task::{Context, Poll, Waker}};
//! # let counted = Counted { inner: Nothing, sealed: AtomicU64::new(0), opened: AtomicU64::new(0) };
//! # let wrapped = WrappedKey::new("nobody:1", *b"x").unwrap();
//! # let none = EncryptionContext::empty();
//! # let mut call = pin!(counted.decrypt_amid(&none, &wrapped, &NoTraffic));
//! # let Poll::Ready(refused) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!() };
//! # assert!(refused.is_err());
//! # assert_eq!(counted.opened.load(Ordering::Relaxed), 1);
//! ```
//!
//! The two implementations are apart, each with the bound of its own half. A layer with one `impl<P: KeyProvider>` for both could not be
//! put around the provider of a service that only seals.
//!
//! # Where in the stack
//!
//! ```text
//! keyring   asks seldom: once for each data key
//!   retry   asks as often as it takes
//!     provider   makes one call
//! ```
//!
//! A layer between keyring and retry sees *requests*: how often a key was needed, how long a caller waited with all attempts. One between
//! retry and provider sees *attempts*: what the service answered, each time. A count of the first kind compared with one of the second is
//! how much is retried.
//!
//! # What a layer may change
//!
//! | may | must not |
//! |---|---|
//! | refuse before the call, [unsent](crate::ProviderError::unsent), with a class that says why | refuse afterwards what was answered: the call is paid, and a key is lost |
//! | add a [source](crate::ProviderError::with_source) | change the class to what a caller would rather see |
//! | rank lower what it knows to be slow | rank what the provider inside does not recognise |
//! | wait before the call, for as long as it says | hold a lock while it waits |
//! | log operation, class, code, key id | log contexts unasked, or anything of a key |
//!
//! An error is passed on as it is, if nothing is added: it is shared with every caller that waits, by reference count.
//!
//! # A layer that refuses
//!
//! Refusing is done in every method that could tell otherwise. A message that is not accepted has no rank, is not decrypted on either way,
//! and its scope is nobody's concern; [`OnlyUnder`](crate::OnlyUnder) is such a layer, and short enough to read. One that only overrides
//! `decrypt` leaves `decrypt_amid` open, which is the one that a retry layer calls.
//!
//! # Pointers are providers
//!
//! `&P`, `Box<P>` and `Arc<P>` are what they point to, unsized too, so that a service can hold an `Arc<dyn KeyProvider>` that its tests
//! fill with something else:
//!
//! ```
//! use std::sync::Arc;
//! use datakey_provider::{KeyProvider, OpeningProvider, SealingProvider};
//!
//! struct Service { kms: Arc<dyn KeyProvider> }
//!
//! fn takes_halves(_: impl SealingProvider + Clone, _: impl OpeningProvider) {}
//!
//! fn start(service: &Service) {
//!     takes_halves(Arc::clone(&service.kms), &service.kms);
//! }
//! # let _ = start;
//! ```
//!
//! # Prove it
//!
//! The conformance suite takes layers as it takes providers: put yours around one that passes, and it has to pass too. In it the layer is
//! asked for everything, at once and cancelled, so that a count that is not given back or a lock that is held shows.
