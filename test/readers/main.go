// Command readers reads so many messages of a broker by clients in Go, and prints each as a line of JSON: body and headers.
//
//	readers nats nats://127.0.0.1:4222 predictions 10
//	readers amqp amqp://127.0.0.1:5672 predictions 10
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	amqp "github.com/rabbitmq/amqp091-go"
)

const patience = 20 * time.Second

type message struct {
	Body    string         `json:"body"`
	Headers map[string]any `json:"headers"`
}

func main() {
	if len(os.Args) != 5 {
		stop(fmt.Errorf("usage: readers nats|amqp ADDRESS PLACE NUMBER"))
	}
	number, err := strconv.Atoi(os.Args[4])
	stop(err)
	read, known := map[string]func(string, string, int) error{"nats": fromNats, "amqp": fromAmqp}[os.Args[1]]
	if !known {
		stop(fmt.Errorf("there is no client for %s", os.Args[1]))
	}
	stop(read(os.Args[2], os.Args[3], number))
}

func fromNats(address, subject string, number int) error {
	connection, err := nats.Connect(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	stream, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	consumer, err := stream.OrderedConsumer(ctx, subject, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	for range number {
		came, err := consumer.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			return err
		}
		headers := map[string]any{}
		for name, values := range came.Headers() {
			headers[name] = values[0]
		}
		show(came.Data(), headers)
	}
	return nil
}

func fromAmqp(address, queue string, number int) error {
	connection, err := amqp.Dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	comes, err := channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for range number {
		select {
		case came := <-comes:
			headers := map[string]any{"content-type": came.ContentType, "message-id": came.MessageId}
			for name, value := range came.Headers {
				headers[name] = value
			}
			show(came.Body, headers)
			if err := came.Ack(false); err != nil {
				return err
			}
		case <-time.After(patience):
			return fmt.Errorf("nothing came for %s", patience)
		}
	}
	return nil
}

func show(body []byte, headers map[string]any) {
	line, err := json.Marshal(message{string(body), headers})
	stop(err)
	fmt.Println(string(line))
}

func stop(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
