"""Amazon Bedrock: its clients, what an account may customise, data lines, and hosting."""
