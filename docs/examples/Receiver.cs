// Receiver.cs: takes tongdai's events, knows that they are genuine, and handles each one once.

using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

public static class Receiver
{
    private static readonly List<byte[]> Keys = new List<byte[]>();
    private static readonly HashSet<string> Seen = new HashSet<string>(); // in real life: a table with a unique index on the webhook-id

    public static void Main(string[] arguments)
    {
        foreach (string line in File.ReadAllLines("secrets.txt"))
        {
            Keys.Add(Convert.FromBase64String(line.Trim().Substring("whsec_".Length)));
        }
        HttpListener listener = new HttpListener();
        listener.Prefixes.Add("http://127.0.0.1:" + arguments[0] + "/");
        listener.Start();
        while (true)
        {
            Receive(listener.GetContext());
        }
    }

    private static void Receive(HttpListenerContext context)
    {
        int status = 500;
        try
        {
            MemoryStream body = new MemoryStream(); // the bytes as they came: the signature is over these
            context.Request.InputStream.CopyTo(body);
            status = Take(context.Request, body.ToArray()) ? 204 : 401;
        }
        catch (Exception problem)
        {
            Console.Error.WriteLine(problem); // the event comes again
        }
        context.Response.StatusCode = status;
        context.Response.Close();
    }

    private static bool Take(HttpListenerRequest request, byte[] body)
    {
        string id = request.Headers["webhook-id"] ?? "";
        if (!IsGenuine(request, id, body))
        {
            return false;
        }
        if (!Seen.Contains(id))
        {
            Handle(Encoding.UTF8.GetString(body));
            Seen.Add(id);
        }
        return true;
    }

    private static bool IsGenuine(HttpListenerRequest request, string id, byte[] body)
    {
        string time = request.Headers["webhook-timestamp"] ?? "";
        string[] given = (request.Headers["webhook-signature"] ?? "").Split(' ');
        byte[] signed = Encoding.UTF8.GetBytes(id + "." + time + ".").Concat(body).ToArray();
        long sentAt;
        bool isFresh = long.TryParse(time, out sentAt)
            && Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sentAt) < 300;
        foreach (byte[] key in Keys)
        {
            using (HMACSHA256 mac = new HMACSHA256(key))
            {
                string good = "v1," + Convert.ToBase64String(mac.ComputeHash(signed));
                if (given.Any(one => AreEqual(good, one)))
                {
                    return isFresh;
                }
            }
        }
        return false;
    }

    /// In constant time; from .NET Core 2.1 on CryptographicOperations.FixedTimeEquals does the same.
    private static bool AreEqual(string one, string other)
    {
        int different = one.Length ^ other.Length;
        for (int n = 0; n < one.Length && n < other.Length; n++)
        {
            different |= one[n] ^ other[n];
        }
        return different == 0;
    }

    private static void Handle(string json)
    {
        Console.WriteLine("{0} {1} {2} -> {3} {4}", Value(json, "state"), Value(json, "call_id"),
            Value(json, "from_number"), Value(json, "to_number"), Value(json, "recording_url"));
    }

    /// The value of a plain key. In real life: a JSON library, such as System.Text.Json.
    private static string Value(string json, string key)
    {
        return Regex.Match(json, "\"" + key + "\":\\s*\"([^\"\\\\]*)\"").Groups[1].Value;
    }
}
