//! What is asked.
use std::sync::Arc;

use crate::{KmsContext, KmsOperation};

/// What is known of a call before it is worked on.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) operation: KmsOperation,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) context: KmsContext,
    pub(crate) dry_run: bool,
}

impl Call {
    pub(crate) fn new(operation: KmsOperation) -> Self {
        Self {
            operation,
            key: None,
            context: KmsContext::default(),
            dry_run: false,
        }
    }

    pub(crate) fn with_context(mut self, context: &KmsContext) -> Self {
        self.context = context.clone();
        self
    }
}
