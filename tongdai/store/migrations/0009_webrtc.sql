-- Browsers may register as an extension itself: the device `webrtc` has the user name and password
-- of the default device, and the endpoint 101-webrtc@domain (tongdai/pbx/endpoint.py).

-- Whether browsers may register as the domain's new extensions.
ALTER TABLE domains ADD COLUMN webrtc boolean NOT NULL DEFAULT false;

ALTER TABLE devices ADD CHECK (name <> 'webrtc' OR kind = 'browser');

-- A default device that is a browser has the endpoint for browsers: routing sees its kind.
DROP TRIGGER devices_changed ON devices;
CREATE TRIGGER devices_changed AFTER INSERT OR DELETE OR UPDATE OF kind ON devices
  FOR EACH ROW EXECUTE FUNCTION notify_directory();
