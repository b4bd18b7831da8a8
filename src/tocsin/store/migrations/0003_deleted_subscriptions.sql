-- Subscriptions that were deleted and can be brought back; apart from the others, so that nothing takes them for such.
ALTER TABLE profiles ADD COLUMN deleted_subscriptions jsonb NOT NULL DEFAULT '[]';
