# receiver.rb: takes tongdai's events, knows that they are genuine, and handles each one once.
require "json"
require "openssl"
require "set"
require "webrick" # gem install webrick

KEYS = File.readlines("secrets.txt", chomp: true).map { |line| line.delete_prefix("whsec_").unpack1("m") }
SEEN = Set.new # in real life: a table with a unique index on the webhook-id

def genuine?(request, body)
  time = request["webhook-timestamp"]
  signed = "#{request["webhook-id"]}.#{time}.".b + body
  good = KEYS.map { |key| "v1," + [OpenSSL::HMAC.digest("SHA256", key, signed)].pack("m0") }
  given = request["webhook-signature"].to_s.split
  fresh = (Time.now.to_i - time.to_i).abs < 300
  fresh && good.product(given).any? { |one, other| OpenSSL.secure_compare(one, other) }
end

def handle(event)
  puts "#{event["state"]} #{event["call_id"]} #{event["from_number"]} -> #{event["to_number"]} #{event["recording_url"]}"
end

$stdout.sync = true
server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ARGV[0].to_i, AccessLog: [])
server.mount_proc("/") do |request, response|
  body = request.body.to_s.b # the bytes as they came: the signature is over these
  response.status = 401
  next unless genuine?(request, body)

  id = request["webhook-id"]
  handle(JSON.parse(body.force_encoding("UTF-8"))) unless SEEN.include?(id) # if this raises, the event comes again
  SEEN << id
  response.status = 204
end
server.start
