"""Tables of a FusionPBX 5.5.7: names and types of columns as its schema has them."""

SCHEMA = """
CREATE TABLE v_domains (domain_uuid uuid PRIMARY KEY, domain_parent_uuid uuid, domain_name text,
  domain_enabled boolean, domain_description text);
CREATE TABLE v_extensions (extension_uuid uuid PRIMARY KEY, domain_uuid uuid, extension text,
  number_alias text, password text, accountcode text, effective_caller_id_name text,
  effective_caller_id_number text, outbound_caller_id_name text, outbound_caller_id_number text,
  emergency_caller_id_name text, emergency_caller_id_number text, directory_first_name text,
  directory_last_name text, directory_visible boolean, directory_exten_visible boolean,
  max_registrations text, limit_max text, limit_destination text, missed_call_app text,
  missed_call_data text, user_context text, toll_allow text, call_timeout numeric,
  call_group text, call_screen_enabled boolean, user_record text, hold_music text, auth_acl text,
  cidr text, sip_force_contact text, nibble_account text, sip_force_expires numeric,
  mwi_account text, sip_bypass_media text, unique_id numeric, dial_string text, dial_user text,
  dial_domain text, do_not_disturb boolean, forward_all_destination text,
  forward_all_enabled boolean, forward_busy_destination text, forward_busy_enabled boolean,
  forward_no_answer_destination text, forward_no_answer_enabled boolean,
  forward_user_not_registered_destination text, forward_user_not_registered_enabled boolean,
  follow_me_uuid uuid, follow_me_enabled boolean, follow_me_destinations text,
  extension_language text, extension_dialect text, extension_voice text, extension_type text,
  enabled boolean, description text, absolute_codec_string text, force_ping boolean);
CREATE TABLE v_destinations (domain_uuid uuid, destination_uuid uuid PRIMARY KEY,
  dialplan_uuid uuid, fax_uuid uuid, user_uuid uuid, group_uuid uuid, provider_uuid uuid,
  destination_type text, destination_number text, destination_trunk_prefix text,
  destination_area_code text, destination_prefix text, destination_condition_field text,
  destination_number_regex text, destination_caller_id_name text,
  destination_caller_id_number text, destination_cid_name_prefix text, destination_context text,
  destination_record boolean, destination_hold_music text, destination_distinctive_ring text,
  destination_ringback text, destination_accountcode text, destination_type_voice numeric,
  destination_type_fax numeric, destination_type_emergency numeric, destination_type_text numeric,
  destination_conditions json, destination_actions json, destination_app text,
  destination_data text, destination_alternate_app text, destination_alternate_data text,
  destination_order numeric, destination_enabled boolean, destination_description text,
  destination_email boolean);
CREATE TABLE v_ring_groups (domain_uuid uuid, ring_group_uuid uuid PRIMARY KEY,
  ring_group_name text, ring_group_extension text, ring_group_greeting text,
  ring_group_exit_key text, ring_group_call_timeout numeric, ring_group_forward_destination text,
  ring_group_forward_enabled boolean, ring_group_caller_id_name text,
  ring_group_caller_id_number text, ring_group_cid_name_prefix text,
  ring_group_cid_number_prefix text, ring_group_strategy text, ring_group_timeout_app text,
  ring_group_timeout_data text, ring_group_distinctive_ring text, ring_group_ringback text,
  ring_group_call_screen_enabled boolean, ring_group_call_forward_enabled boolean,
  ring_group_follow_me_enabled boolean, ring_group_missed_call_app text,
  ring_group_missed_call_data text, ring_group_context text, ring_group_enabled boolean,
  ring_group_description text, dialplan_uuid uuid, ring_group_forward_toll_allow text);
CREATE TABLE v_ring_group_destinations (ring_group_destination_uuid uuid PRIMARY KEY,
  domain_uuid uuid, ring_group_uuid uuid, destination_number text, destination_delay numeric,
  destination_timeout numeric, destination_enabled boolean, destination_prompt numeric,
  destination_description text);
CREATE TABLE v_gateways (gateway_uuid uuid PRIMARY KEY, domain_uuid uuid, gateway text,
  username text, password text, distinct_to boolean, auth_username text, realm text,
  from_user text, from_domain text, proxy text, register_proxy text, outbound_proxy text,
  expire_seconds numeric, register boolean, register_transport text, contact_params text,
  retry_seconds numeric, extension text, ping text, channels numeric, context text, profile text,
  enabled boolean, description text);
CREATE TABLE v_voicemails (domain_uuid uuid, voicemail_uuid uuid PRIMARY KEY, voicemail_id text);
CREATE TABLE v_xml_cdr (xml_cdr_uuid uuid PRIMARY KEY, domain_uuid uuid, provider_uuid uuid,
  extension_uuid uuid, sip_call_id text, domain_name text, accountcode text, direction text,
  context text, caller_id_name text, caller_id_number text, caller_destination text,
  source_number text, destination_number text, start_epoch numeric, start_stamp timestamptz,
  answer_stamp timestamptz, answer_epoch numeric, end_epoch numeric, end_stamp timestamptz,
  duration numeric, mduration numeric, billsec numeric, billmsec numeric, bridge_uuid text,
  record_path text, record_name text, leg char(1), originating_leg_uuid uuid, last_app text,
  last_arg text, voicemail_message boolean, missed_call boolean, cc_side text, cc_queue text,
  status text, hangup_cause text, hangup_cause_q850 numeric, sip_hangup_disposition text,
  ring_group_uuid uuid, json jsonb);
"""

ROWS = """
INSERT INTO v_domains VALUES
  ('00000000-0000-0000-0000-000000000001', NULL, 'old.example.vn', true, ''),
  ('00000000-0000-0000-0000-000000000002', NULL, 'other.example.vn', true, '');
INSERT INTO v_extensions (extension_uuid, domain_uuid, extension, password,
  effective_caller_id_name, directory_first_name, outbound_caller_id_number, max_registrations,
  limit_max, call_timeout, user_record, do_not_disturb, follow_me_enabled, enabled, description)
VALUES
  (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', '101', 'Abcdefgh1-',
   'Nguyễn Thị Ánh', NULL, '02873001234', '2', '5', 30, 'all', false, false, true, ''),
  (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', '102', 'a"b', NULL, 'Bình',
   '0999', NULL, NULL, 400, '', true, true, false, ''),
  (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 'reception', 'Abcdefgh1-', 'R', NULL,
   NULL, NULL, NULL, 30, 'local', false, false, true, ''),
  (gen_random_uuid(), '00000000-0000-0000-0000-000000000002', '999', 'Abcdefgh1-', 'Elsewhere',
   NULL, NULL, NULL, NULL, 30, '', false, false, true, '');
INSERT INTO v_ring_groups (domain_uuid, ring_group_uuid, ring_group_name, ring_group_extension,
  ring_group_call_timeout, ring_group_strategy, ring_group_timeout_app, ring_group_timeout_data,
  ring_group_enabled)
VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000aa',
  'Kinh doanh', '600', 45, 'sequence', 'transfer', '101 XML old.example.vn', true);
INSERT INTO v_ring_group_destinations (ring_group_destination_uuid, domain_uuid, ring_group_uuid,
  destination_number, destination_delay, destination_timeout, destination_enabled)
SELECT gen_random_uuid(), '00000000-0000-0000-0000-000000000001',
  '00000000-0000-0000-0000-0000000000aa', number, delay, 25, true
FROM (VALUES ('101', 10), ('102', 5), ('0912345678', 15)) AS given (number, delay);
INSERT INTO v_destinations (domain_uuid, destination_uuid, destination_type, destination_number,
  destination_prefix, destination_actions, destination_order, destination_enabled,
  destination_description)
VALUES
  ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 'inbound', '2873001234', '84',
   '[{"destination_app": "transfer", "destination_data": "600 XML old.example.vn"}]', 1, true,
   'Tổng đài'),
  ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 'inbound', '19001919', NULL,
   '[{"destination_app": "ivr", "destination_data": "main"}]', 2, false, ''),
  ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 'outbound', '0', NULL, NULL, 3,
   true, '');
INSERT INTO v_gateways (gateway_uuid, domain_uuid, gateway, username, password, proxy, register,
  register_transport, enabled)
VALUES (gen_random_uuid(), '00000000-0000-0000-0000-000000000001', 'viettel', '0900',
  'secret-word', 'sip.example.vn:5080', true, 'udp', true);
INSERT INTO v_voicemails VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), '101');
INSERT INTO v_xml_cdr (xml_cdr_uuid, domain_uuid, extension_uuid, sip_call_id, direction,
  caller_id_number, caller_destination, source_number, destination_number, start_epoch, duration,
  billsec, record_name, leg, voicemail_message, cc_queue, status, hangup_cause,
  sip_hangup_disposition, ring_group_uuid)
SELECT uuid::uuid, '00000000-0000-0000-0000-000000000001',
  (SELECT extension_uuid FROM v_extensions WHERE v_extensions.extension = given.extension),
  uuid || '@10.0.0.9', direction, shown, did, source, dialled, 1767200400 + n, duration, billsec,
  record, leg, voicemail, queue, status, cause, disposition, ring_group::uuid
FROM (VALUES
  (0, '11111111-0000-4000-8000-000000000001', '101', 'inbound', '0900000001', '2873001234', NULL,
   '600', 30, 20, 'a.wav', 'a', false, NULL, 'answered', 'NORMAL_CLEARING', 'recv_bye',
   '00000000-0000-0000-0000-0000000000aa'),
  (86399, '11111111-0000-4000-8000-000000000002', NULL, 'inbound', '0900000002', '2873001234',
   NULL, '600', 40, 12, NULL, 'a', true, '700@old.example.vn', 'voicemail', 'NORMAL_CLEARING',
   'recv_bye', NULL),
  (2, '11111111-0000-4000-8000-000000000003', '102', 'outbound', '02873001234', NULL, '102',
   '0912345678', 9, 0, NULL, 'a', false, NULL, 'busy', 'USER_BUSY', 'send_refuse', NULL),
  (3, '11111111-0000-4000-8000-000000000004', '102', 'local', 'Bình', NULL, '102', '101', 5, 0,
   NULL, 'a', false, NULL, 'cancelled', 'ORIGINATOR_CANCEL', 'recv_cancel', NULL),
  (4, '11111111-0000-4000-8000-000000000005', '101', 'inbound', '0900000001', NULL, NULL, '101',
   30, 20, NULL, 'b', false, NULL, 'answered', 'NORMAL_CLEARING', 'recv_bye', NULL),
  (5, '11111111-0000-4000-8000-000000000006', '101', NULL, '101', NULL, '101', '*97', 3, 3, NULL,
   'a', false, NULL, 'answered', 'NORMAL_CLEARING', 'recv_bye', NULL)
) AS given (n, uuid, extension, direction, shown, did, source, dialled, duration, billsec, record,
  leg, voicemail, queue, status, cause, disposition, ring_group);
"""
