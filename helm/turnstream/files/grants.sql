-- Run by an owner of the four tables, with psql: the user that captures, what it may do, and the publication.
-- Every statement may be run again. Names come from the environment.
\getenv capture_user CAPTURE_USER
\getenv capture_password CAPTURE_PASSWORD
\getenv capture_schema CAPTURE_SCHEMA
\getenv capture_tables CAPTURE_TABLES
\getenv publication CAPTURE_PUBLICATION
\getenv replication CAPTURE_REPLICATION

SELECT format('CREATE ROLE %I LOGIN', :'capture_user')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'capture_user') \gexec

SELECT format('ALTER ROLE %I WITH LOGIN PASSWORD %L', :'capture_user', :'capture_password') \gexec

SELECT CASE :'replication'
         WHEN 'attribute' THEN format('ALTER ROLE %I WITH REPLICATION', :'capture_user')
         ELSE format('GRANT %I TO %I', :'replication', :'capture_user')
       END \gexec

SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), :'capture_user') \gexec
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', :'capture_schema', :'capture_user') \gexec
SELECT format('GRANT SELECT ON %I.%I TO %I', :'capture_schema', name, :'capture_user')
  FROM unnest(string_to_array(:'capture_tables', ',')) AS name \gexec

SELECT format('CREATE PUBLICATION %I FOR TABLE %s WITH (publish_via_partition_root = true)', :'publication',
              string_agg(format('%I.%I', :'capture_schema', name), ', '))
  FROM unnest(string_to_array(:'capture_tables', ',')) AS name
HAVING NOT EXISTS (SELECT FROM pg_publication WHERE pubname = :'publication') \gexec
