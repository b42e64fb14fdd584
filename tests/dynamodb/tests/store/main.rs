//! The store in DynamoDB: what it sends, and what it makes of each answer and of none.
mod answers;
mod codes;
mod credentials;
mod paging;
mod policies;
mod requests;
mod transport;
