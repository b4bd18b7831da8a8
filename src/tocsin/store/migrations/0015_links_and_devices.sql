-- Where the short links in SMS lead. Which launches name an address, so that nothing of them goes to another device.
CREATE TABLE short_links (
    bucket smallint NOT NULL,
    code bigint NOT NULL,
    message_id bytea NOT NULL,
    number smallint NOT NULL,
    links smallint NOT NULL,
    url text NOT NULL,
    PRIMARY KEY (bucket, code),
    CONSTRAINT short_links_bucket_is_last_byte_of_message_id CHECK (bucket = get_byte(message_id, 11))
);
CREATE INDEX short_links_of_a_message ON short_links (bucket, message_id);
ALTER TABLE launches ADD COLUMN is_addressed boolean NOT NULL DEFAULT false;
